import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { Logger } from '@nestjs/common';
import type { ProviderAnswer, ProviderEvent } from '../../src/inference/providers/chat-provider.js';
import { ProviderFailure, ProviderRejection } from '../../src/inference/providers/chat-provider.js';
import { InsufficientCreditsError } from '../../src/credits/credits.errors.js';
import { ANSWER, bench, chunk, scriptedProvider, usageEvent, USAGE, type Bench } from './fakes.js';
import { until } from '../support/until.js';

beforeAll(() => Logger.overrideLogger(false));

const tooDear = (availableUcr = 1n) =>
  new InsufficientCreditsError({
    neededUcr: 2n,
    availableUcr,
    heldUcr: 0n,
    debtUcr: 0n,
    nextGrantAt: null,
    largestMaxTokens: null,
  });

const clientStays = () => false;

/** There when the credits were held, gone when the answer comes. */
function leavesLater(): () => boolean {
  let asked = 0;
  return () => (asked += 1) > 1;
}

async function* events(...list: (ProviderEvent | Error | number)[]): AsyncGenerator<ProviderEvent> {
  for (const event of list) {
    if (event instanceof Error) throw event;
    // Some are abandoned while they sleep: they keep no process alive.
    if (typeof event === 'number') await sleep(event, undefined, { ref: false });
    else yield event;
  }
}

function answers(answer: () => Promise<ProviderAnswer>, options?: Parameters<typeof bench>[1]): Bench {
  return bench(scriptedProvider({ answer }), options);
}

function streams(list: AsyncIterable<ProviderEvent>, options?: Parameters<typeof bench>[1]): Bench {
  return bench(scriptedProvider({ events: list }), options);
}

/** Everything that a client reads of one stream. */
async function readStream({ service, callOf }: Bench, change?: Record<string, unknown>): Promise<string> {
  const { stream } = await service.stream(callOf({ stream: true, ...change }), clientStays);
  return text(stream.output);
}

describe('a whole answer', () => {
  it('is settled with the usage that the provider reported', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER));
    const { settlement } = await service.complete(callOf(), clientStays);
    expect(settlement.chargedUcr).toBe(12_000n);
    expect(metering.settled).toMatchObject([
      { usage: { ...USAGE, imageCount: 0, source: 'provider' }, outcome: 'completed', operation: 'chat', attemptNo: 1 },
    ]);
    expect(metering.ended).toBe(1);
  });

  it('is estimated where no usage was reported, and says so', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve({ ...ANSWER, usage: null }));
    const { body } = await service.complete(callOf(), clientStays);
    expect(metering.settled[0]?.usage).toMatchObject({ inputTokens: 3 + 4 + 3, outputTokens: 2, source: 'estimated' });
    expect(body).toMatchObject({ usage: { prompt_tokens: 10, completion_tokens: 2 } });
  });

  it('is estimated by the bounds where the count took too long', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve({ ...ANSWER, usage: null }), { counts: null });
    await service.complete(callOf(), clientStays);
    expect(metering.settled[0]?.usage).toMatchObject({ inputTokens: 5 + 16, outputTokens: 5, source: 'estimated' });
  });

  // Seen: on a busy machine a word of five letters was charged as five tokens, because the count had not come in 50 ms.
  it('is waited for as long as what decides otherwise, where it is charged as it is counted', async () => {
    const limits: number[] = [];
    const noteLimit = (limitMs: number) => limits.push(limitMs);
    const { service, callOf } = answers(() => Promise.resolve({ ...ANSWER, usage: null }), { noteLimit });
    await service.complete(callOf(), clientStays);
    expect(limits).toEqual([250]);
  });

  it('takes zero usage as zero', async () => {
    const zero = { ...USAGE, inputTokens: 0, outputTokens: 0 };
    const { service, metering, callOf } = answers(() => Promise.resolve({ ...ANSWER, usage: zero }));
    await service.complete(callOf(), clientStays);
    expect(metering.settled[0]?.usage).toMatchObject({ inputTokens: 0, outputTokens: 0, source: 'provider' });
  });

  it('is charged to a client that left meanwhile', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER));
    await service.complete(callOf(), leavesLater());
    expect(metering.settled[0]?.outcome).toBe('client_aborted');
  });

  it.each([
    ['a failure of the provider', () => Promise.reject(new ProviderFailure('broken')), 'provider_error', 502],
    ['a refusal of the provider', () => Promise.reject(new ProviderRejection('bad image')), 'provider_rejected', 400],
    ['a bug of the adapter', () => Promise.reject(new TypeError('secret detail')), 'provider_error', 502],
    ['a provider that never answers', () => new Promise<never>(() => undefined), 'provider_timeout', 504],
  ])('costs nothing after %s', async (_name, answer, code, status) => {
    const { service, metering, callOf } = answers(answer, { timeoutMs: 100 });
    await expect(service.complete(callOf(), clientStays)).rejects.toMatchObject({ code, status });
    expect(metering.settled).toEqual([]);
    expect(metering.voided).toEqual(['provider_error']);
  });

  it('shows nothing of an error that no adapter marked as safe', async () => {
    const { service, callOf } = answers(() => Promise.reject(new TypeError('secret detail')));
    const error = await service.complete(callOf(), clientStays).catch((thrown: Error) => thrown);
    expect((error as Error).message).not.toContain('secret');
  });

  it('is settled again after a short trouble of the database; after a longer one it is neither sent nor charged', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER));
    metering.settleFailures = [new Error('connection lost')];
    await service.complete(callOf(), clientStays);
    expect(metering.settled).toHaveLength(1);
    metering.settleFailures = Array.from({ length: 3 }, () => new Error('connection lost'));
    await expect(service.complete(callOf(), clientStays)).rejects.toThrow('connection lost');
    expect(metering.settled).toHaveLength(1);
    expect(metering.voided).toEqual(['failed']);
  });
});

describe('the hold', () => {
  it('is given back, and nobody is asked, where the client left while it was taken', async () => {
    for (const way of ['complete', 'stream'] as const) {
      const { service, metering, callOf } = answers(() => Promise.reject(new Error('nobody may be asked')));
      await expect(service[way](callOf(), () => true)).rejects.toMatchObject({ code: 'client_left' });
      expect(metering.voided).toEqual(['client_left']);
    }
  });

  it('is given back where the connection broke before anyone knew whether it was taken', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER));
    metering.reserveFailures = [new Error('Connection terminated unexpectedly')];
    await expect(service.complete(callOf(), clientStays)).rejects.toThrow('Connection terminated');
    expect(metering.voided).toEqual(['outcome unknown']);
  });

  it('is voided later where the database was away when it should have been', async () => {
    const { service, metering, callOf } = answers(() => Promise.reject(new ProviderFailure('broken')));
    metering.voidFailures = [new Error('timeout exceeded when trying to connect')];
    await expect(service.complete(callOf(), clientStays)).rejects.toMatchObject({ status: 502 });
    expect(metering.ended).toBe(0);
    await until(() => metering.voided.length > 0);
    expect(metering.voided).toEqual(['provider_error']);
  });

  it('assumes the byte bound and the limit that is sent', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER));
    const { plan } = await service.complete(callOf(), clientStays);
    expect(metering.reserved[0]).toMatchObject({ boundTokens: 5 + 16 + 100, amountUcr: 121_000n, tier: 'free' });
    expect(plan.parameters).toEqual({ max_tokens: 100 });
  });

  it('is asked for again by counted tokens where the bound was too dear', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER), { counts: [3, 0] });
    metering.reserveFailures = [tooDear()];
    const { plan } = await service.complete(callOf(), clientStays);
    expect(plan).toMatchObject({ inputSource: 'counted', inputTokens: 3 + 16 });
    expect(metering.reserved).toMatchObject([{ amountUcr: 119_000n }]);
  });

  // Seen: of sixteen prompts at once whose users had enough, seven were refused, because their turn to be counted came too late.
  it.each([
    ['may fit', 1_000n, 250],
    ['fits no count', 999n, 50],
  ])('waits for its turn to be counted as long as is worth while where the balance %s', async (_name, left, waits) => {
    const limits: number[] = [];
    const noteLimit = (limitMs: number) => limits.push(limitMs);
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER), { counts: [3, 0], noteLimit });
    // The bound is 12 of text, 16 of its frame and 100 of output, at 1 000 each: 128 000.
    metering.reserveFailures = [tooDear(left)];
    await service.complete(callOf({ messages: [{ role: 'user', content: 'x'.repeat(12) }] }), clientStays);
    expect(limits).toEqual([waits]);
  });

  it('is refused where the count does not help either', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER), { counts: [5, 0] });
    metering.reserveFailures = [tooDear()];
    await expect(service.complete(callOf(), clientStays)).rejects.toMatchObject({ code: 'insufficient_credits' });
    expect(metering.ended).toBe(0);
  });

  it('counts where the bound does not fit the context, and lowers the output to what is left', async () => {
    const { service, callOf } = answers(() => Promise.resolve(ANSWER), { counts: [7_950, 0] });
    const messages = [{ role: 'user', content: 'x '.repeat(8_000) }];
    const { plan } = await service.complete(callOf({ messages }), clientStays);
    expect(plan).toMatchObject({ inputSource: 'counted', outputTokens: 8_000 - 7_950 - 16 });
    expect(plan.applied).toEqual([{ parameter: 'max_tokens', action: 'clamped', value: 34, from: 100 }]);
  });

  it('is not asked for where the prompt fills the context', async () => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER), { counts: [8_000, 0] });
    const messages = [{ role: 'user', content: 'x'.repeat(8_000) }];
    await expect(service.complete(callOf({ messages }), clientStays)).rejects.toMatchObject({
      code: 'context_length_exceeded',
      details: { limit: 8_000, tokens: 8_016 },
    });
    expect(metering.reserved).toEqual([]);
  });

  it('is refused where what was counted in time fills the context, whatever else there is', async () => {
    const counted = { counts: [9_000, 0], uncountedBytes: 500 };
    const { service, callOf } = answers(() => Promise.resolve(ANSWER), counted);
    const messages = [{ role: 'user', content: 'x'.repeat(40_000) }];
    await expect(service.complete(callOf({ messages }), clientStays)).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
  });

  it.each([
    ['nothing', null],
    ['not enough', [9_000, 0]],
  ])('takes the whole context where %s was counted in time, and leaves it to the provider', async (_name, counts) => {
    const { service, metering, callOf } = answers(() => Promise.resolve(ANSWER), { counts, uncountedBytes: 8_000 });
    const messages = [{ role: 'user', content: 'x'.repeat(9_000) }];
    const { plan } = await service.complete(callOf({ messages }), clientStays);
    expect(plan).toMatchObject({ inputSource: 'context', inputTokens: 8_000, outputTokens: 100, applied: [] });
    expect(metering.reserved).toMatchObject([{ amountUcr: 8_100_000n }]);
  });
});

describe('a stream', () => {
  it('relays the chunks, settles, tells the charge in a comment and ends with [DONE]', async () => {
    const run = streams(events(chunk('Hel'), chunk('lo'), usageEvent()));
    const seen = await readStream(run);
    expect(seen.match(/^data: \{.*$/gm)).toHaveLength(2);
    expect(seen).not.toContain('usage');
    expect(seen.endsWith(': credits-charged 0.012000 remaining 9.900000\n\ndata: [DONE]\n\n')).toBe(true);
    expect(run.metering.settled).toMatchObject([
      { usage: { source: 'provider' }, outcome: 'completed', providerRequestId: 'upstream-1' },
    ]);
  });

  it('sends the usage chunk with the charge to a client that asked for usage', async () => {
    const run = streams(events(chunk('Hello'), usageEvent({ ...USAGE, outputTokens: 1 }), usageEvent()));
    const seen = await readStream(run, { stream_options: { include_usage: true } });
    const data = seen.match(/^data: (\{.*)$/gm)!.map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
    expect(data[0]).toMatchObject({ usage: null });
    expect(data[1]).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
      tollgate: { credits_charged: '0.012000', credits_remaining: '9.900000' },
    });
    expect(seen).not.toContain(': credits-charged');
  });

  it.each([
    ['fails', events(new ProviderFailure('broken')), 'provider_error'],
    ['ends', events(), 'provider_error'],
    ['times out', events(600, chunk('late')), 'provider_timeout'],
  ])('that %s before its first event is voided and has a status', async (_name, list, code) => {
    const run = streams(list, { timeoutMs: 100 });
    await expect(run.service.stream(run.callOf({ stream: true }), clientStays)).rejects.toMatchObject({ code });
    expect(run.metering.voided).toHaveLength(1);
    expect(run.metering.ended).toBe(1);
  });

  it('that breaks is charged for what arrived, and ends with an error event', async () => {
    const run = streams(events(chunk('Hel'), new ProviderFailure('the connection broke')));
    const seen = await readStream(run);
    expect(run.metering.settled).toMatchObject([
      { usage: { inputTokens: 10, outputTokens: 2, source: 'estimated' }, outcome: 'provider_error' },
    ]);
    expect(seen).toContain('"code":"provider_error"');
    expect(seen).toContain('"credits_charged":"0.012000"');
    expect(seen).not.toContain('[DONE]');
  });

  it('that breaks after its usage is charged by that usage', async () => {
    const run = streams(events(chunk('Hel'), usageEvent(), new ProviderFailure('the connection broke')));
    await readStream(run);
    expect(run.metering.settled).toMatchObject([
      { usage: { ...USAGE, source: 'provider' }, outcome: 'provider_error' },
    ]);
  });

  it('that stalls is ended and charged for what arrived', async () => {
    const run = streams(events(chunk('Hel'), 600, chunk('lo')), { timeoutMs: 100 });
    const seen = await readStream(run);
    expect(seen).toContain('"code":"provider_timeout"');
    expect(run.metering.settled).toMatchObject([{ usage: { source: 'estimated' }, outcome: 'timeout' }]);
  });

  it('whose client leaves is read on, and charged by the usage that comes', async () => {
    const run = streams(events(chunk('Hel'), 100, chunk('lo'), usageEvent()));
    const { stream } = await run.service.stream(run.callOf({ stream: true }), clientStays);
    stream.output.destroy();
    await run.inFlight.beforeApplicationShutdown();
    expect(run.metering.settled).toMatchObject([
      { usage: { ...USAGE, source: 'provider' }, outcome: 'client_aborted' },
    ]);
    expect(run.metering.ended).toBe(1);
  });

  it('whose client leaves is read on only up to the cap', async () => {
    const provider = scriptedProvider({
      events: events(chunk('Hel'), 600, chunk('lo'), usageEvent()),
      onDisconnect: { kind: 'drain', capMs: 50 },
    });
    const run = bench(provider, { timeoutMs: 10_000 });
    const { stream } = await run.service.stream(run.callOf({ stream: true }), clientStays);
    stream.output.destroy();
    await run.inFlight.beforeApplicationShutdown();
    expect(run.metering.settled).toMatchObject([{ usage: { source: 'estimated' }, outcome: 'client_aborted' }]);
    expect(provider.signal?.aborted).toBe(true);
  });

  it('whose client leaves is cancelled where the provider then stops charging', async () => {
    const provider = scriptedProvider({
      events: events(chunk('Hel'), 600, chunk('lo')),
      onDisconnect: { kind: 'cancel' },
    });
    const run = bench(provider, { timeoutMs: 10_000 });
    const { stream } = await run.service.stream(run.callOf({ stream: true }), clientStays);
    stream.output.destroy();
    await run.inFlight.beforeApplicationShutdown();
    expect(run.metering.settled).toMatchObject([{ usage: { outputTokens: 2 }, outcome: 'client_aborted' }]);
  });

  it('goes no faster than its client reads', async () => {
    let produced = 0;
    async function* many(): AsyncGenerator<ProviderEvent> {
      for (; produced < 2_000; produced += 1) yield chunk('x'.repeat(1_000));
      yield usageEvent();
    }
    const run = streams(many());
    const { stream } = await run.service.stream(run.callOf({ stream: true }), clientStays);
    await sleep(100);
    expect(produced).toBeLessThan(200);
    await text(stream.output);
    expect(produced).toBe(2_000);
  });

  it('whose settlement fails says so and does not claim to be done', async () => {
    const run = streams(events(chunk('Hel'), usageEvent()));
    run.metering.settleFailures = Array.from({ length: 3 }, () => new Error('connection lost'));
    const seen = await readStream(run);
    expect(seen).toContain('"code":"internal_error"');
    expect(seen).not.toContain('[DONE]');
    expect(run.metering.voided).toEqual([]);
    await until(() => run.metering.settled.length > 0);
    expect(run.metering.settled).toMatchObject([{ usage: USAGE }]);
  });

  it('says that it may be tried again where the database had no room to settle it', async () => {
    const run = streams(events(chunk('Hel'), usageEvent()));
    run.metering.settleFailures = Array.from({ length: 3 }, () => new Error('timeout exceeded when trying to connect'));
    expect(await readStream(run)).toContain('"code":"overloaded"');
  });
});

describe('a stopping process', () => {
  it('takes nothing new and waits for what it has begun', async () => {
    const run = streams(events(chunk('Hel'), 100, chunk('lo'), usageEvent()));
    const { stream } = await run.service.stream(run.callOf({ stream: true }), clientStays);
    const reading = text(stream.output);
    await run.inFlight.beforeApplicationShutdown();
    expect(run.metering.settled).toHaveLength(1);
    await expect(run.service.stream(run.callOf({ stream: true }), clientStays)).rejects.toMatchObject({
      code: 'overloaded',
      status: 503,
    });
    expect(await reading).toContain('[DONE]');
  });

  it('cuts off what outlasts its patience, and charges what arrived', async () => {
    const run = streams(events(chunk('Hel'), 2_000, chunk('lo')), { timeoutMs: 30_000 });
    const { stream } = await run.service.stream(run.callOf({ stream: true }), clientStays);
    const reading = text(stream.output);
    run.inFlight.patienceMs = 50;
    await run.inFlight.beforeApplicationShutdown();
    expect(run.metering.settled).toMatchObject([{ outcome: 'provider_error', usage: { source: 'estimated' } }]);
    const seen = await reading;
    expect(seen).toContain('"code":"overloaded"');
    expect(seen).not.toContain('[DONE]');
  });

  it('cuts off a stream whose client takes nothing', async () => {
    const run = streams(events(...Array.from({ length: 2_000 }, () => chunk('x'.repeat(100))), usageEvent()));
    await run.service.stream(run.callOf({ stream: true }), clientStays);
    run.inFlight.patienceMs = 50;
    await run.inFlight.beforeApplicationShutdown();
    expect(run.metering.settled).toMatchObject([{ outcome: 'client_aborted' }]);
  });

  it('gives back what a whole answer held that does not come in time', async () => {
    const run = answers(() => new Promise<never>(() => undefined), { timeoutMs: 30_000 });
    const refused = run.service.complete(run.callOf(), clientStays).catch((error: unknown) => error);
    run.inFlight.patienceMs = 50;
    await run.inFlight.beforeApplicationShutdown();
    expect(await refused).toMatchObject({ code: 'overloaded', status: 503 });
    expect(run.metering.voided).toEqual(['provider_error']);
  });
});
