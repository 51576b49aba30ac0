import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { APIError } from 'openai';
import type { ProviderEvent } from '../../src/inference/providers/chat-provider.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { type Caller, ChatBench } from './chat-bench.js';
import { bench, type BenchOptions, chunk, scriptedProvider, usageEvent } from './fakes.js';
import { addModel } from './model-copies.js';

/** Scripted: `silences` are waited for, in milliseconds. */
async function* events(...list: (ProviderEvent | number)[]): AsyncGenerator<ProviderEvent> {
  for (const event of list) {
    if (typeof event === 'number') await sleep(event, undefined, { ref: false });
    else yield event;
  }
}

async function read(list: AsyncIterable<ProviderEvent>, options: BenchOptions & { heartbeatMs?: number } = {}) {
  const run = bench(scriptedProvider({ events: list }), options);
  if (options.heartbeatMs) run.service.heartbeatMs = options.heartbeatMs;
  const { stream } = await run.service.stream(run.callOf({ stream: true }), () => false);
  return { seen: await text(stream.output), metering: run.metering };
}

const HEARTBEAT = ': keep-alive\n\n';

describe('a stream whose provider is silent', () => {
  /** Fails when no heartbeat is written, and when one is written while events come. */
  it('is kept alive by comments between its events, and only then', async () => {
    const { seen, metering } = await read(events(chunk('Hel'), 400, chunk('lo'), usageEvent()), { heartbeatMs: 50 });
    const blocks = seen.split('\n\n').slice(0, -1);
    const beats = blocks.flatMap((block, index) => (block === ': keep-alive' ? [index] : []));
    expect(beats.length).toBeGreaterThan(1);
    expect(beats).toEqual(beats.map((_, position) => position + 1));
    expect(blocks.filter((block) => block.startsWith('data: {'))).toHaveLength(2);
    expect(seen.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(metering.settled).toMatchObject([{ usage: { source: 'provider', outputTokens: 4 } }]);
  });

  it('is not charged for them where its text is counted', async () => {
    const counted: string[] = [];
    const counts = (groups: string[][]) => {
      counted.push(...groups.flat());
      return [3, 2];
    };
    const { seen } = await read(events(chunk('Hel'), 200, chunk('lo')), { heartbeatMs: 30, counts });
    expect(seen).toContain(HEARTBEAT);
    expect(counted.join('')).not.toContain('keep-alive');
  });

  it('hears none where events come all the time', async () => {
    const { seen } = await read(events(chunk('a'), 5, chunk('b'), 5, chunk('c'), usageEvent()), { heartbeatMs: 5_000 });
    expect(seen).not.toContain(HEARTBEAT);
  });
});

describe('a stream that goes on past the limit that was sent', () => {
  const WORDS = Array.from({ length: 100 }, () => chunk('word '.repeat(10)));
  const counts = (groups: string[][]) => groups.map((texts) => texts.join('').split(' ').length - 1);

  it('ends, with the reason and the charge, where nothing is left to pay it with', async () => {
    const { seen, metering } = await read(events(...WORDS, usageEvent()), { counts, availableUcr: 0n });
    const last = JSON.parse(seen.trim().split('\n\n').at(-1)!.slice('data: '.length)) as object;
    expect(last).toMatchObject({
      error: { code: 'insufficient_credits', type: 'insufficient_quota', details: { credits_charged: '0.012000' } },
    });
    expect(seen.match(/^data: /gm)!.length).toBeLessThan(WORDS.length);
    expect(metering.settled).toMatchObject([
      { outcome: 'provider_error', usage: { source: 'estimated', outputTokens: 100 } },
    ]);
  });

  it('goes on where the balance covers it, and where nobody could count', async () => {
    for (const options of [{ counts }, { counts: null, availableUcr: 0n }]) {
      const { seen, metering } = await read(events(...WORDS, usageEvent()), options);
      expect(seen).toContain('[DONE]');
      expect(metering.settled).toMatchObject([{ outcome: 'completed' }]);
    }
  });
});

describe('streams over HTTP', () => {
  let mock: OpenAiMock;
  let server: ChatBench;
  let caller: Caller;
  const messages = [{ role: 'user' as const, content: 'Hello' }];

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    server = await ChatBench.start({ env: { OPENAI_BASE_URL: mock.baseUrl } });
    const like = 'gpt-5-nano';
    const noRates = { inputCostPerMillionTokens: 0, outputCostPerMillionTokens: 0, creditRates: {} };
    await addModel(server.server, {
      id: 'a-credit-a-token',
      like,
      meta: { creditsPer1kTokens: 1_000, creditRates: {} },
    });
    await addModel(server.server, { id: 'free-of-charge', like, meta: { ...noRates, creditsPer1kTokens: 0 } });
  });
  beforeEach(async () => {
    mock.behave({});
    caller = await server.caller();
  });
  afterEach(async () => {
    const { checks } = await server.server.app.get(ReconciliationService).run();
    expect(checks.filter((check) => check.isBroken)).toEqual([]);
  });
  afterAll(async () => {
    await server.close();
    await mock.close();
  });

  /** Removed once: the watch, and the user was left with a debt. */
  it('OpenAI’s client is told when the credits run out in the middle, and the user owes nothing', async () => {
    mock.behave({ content: 'word '.repeat(2_000), delayMs: 1 }); // slower than what it costs is looked at
    const stream = await caller.openai.chat.completions.create({
      model: 'a-credit-a-token',
      messages,
      max_completion_tokens: 70,
      stream: true,
    });
    let length = 0;
    const error = await (async () => {
      for await (const event of stream) length += event.choices[0]?.delta.content?.length ?? 0;
    })().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: 'insufficient_credits', type: 'insufficient_quota' });
    expect(length).toBeGreaterThan(70);
    expect(length).toBeLessThan(5_000);
    expect(await caller.settled()).toMatchObject([
      { outcome: 'provider_error', usage_source: 'estimated', output_tokens: 70 },
    ]);
    expect((await caller.get('/v1/me/credits')).body).toMatchObject({ held: '0.000000', debt: '0.000000' });
  });

  it('a user with enough of them gets all of it, and pays what the provider counted', async () => {
    const rich = await server.caller('pro');
    mock.behave({
      content: 'word '.repeat(500),
      usage: { prompt_tokens: 5, completion_tokens: 500, total_tokens: 505 },
    });
    const answer = await rich.chat({ model: 'a-credit-a-token', messages, max_completion_tokens: 70, stream: true });
    expect(answer.body['text']).toContain('data: [DONE]');
    expect(await rich.ledger()).toMatchObject([{ usage_source: 'provider', credits_ucr: '505000000' }]);
  });

  /** Removed once: the wait for `drain`, and the provider had sent everything. */
  it('a client that reads nothing stops its provider, and loses nothing', async () => {
    const word = `${'x'.repeat(20_000)} `;
    mock.behave({ content: word.repeat(2_000) });
    const before = mock.streamedBytes;
    const sent = () => mock.streamedBytes - before;
    const response = await begin(caller, { model: 'free-of-charge', messages, stream: true });
    response.pause();
    for (let last = -1; last !== sent(); await sleep(400)) last = sent();
    expect(sent()).toBeLessThan(20_000_000);
    const seen = await text(response);
    expect(seen.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(sent()).toBeGreaterThan(40_000_000);
    expect(seen.length).toBeGreaterThan(40_000_000);
  });
});

async function begin(caller: Caller, body: object): Promise<IncomingMessage> {
  const client = request(`${caller.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
  });
  client.end(JSON.stringify(body));
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  return response;
}
