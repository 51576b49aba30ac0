import { setTimeout as sleep } from 'node:timers/promises';
import { ANSWER_BYTES_MAX } from '../../src/credits/stored-answers.service.js';
import { HoldSweeper } from '../../src/credits/hold-sweeper.js';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { type Answer, Caller, ChatBench, type ErrorBody, HELLO } from './chat-bench.js';
import { chunk, scriptedProvider } from './fakes.js';

const MODEL = 'gpt-5-nano';
const CHAT = { model: MODEL, messages: [{ role: 'user' as const, content: 'Hello' }] };
const HOUR_MS = 3_600_000;

describe('a chat with an Idempotency-Key', () => {
  let mock: OpenAiMock;
  let bench: ChatBench;
  /** Another process on the same database. */
  let second: TestApp;
  let caller: Caller;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    const env = { OPENAI_BASE_URL: mock.baseUrl, OPENAI_API_KEY: 'sk-test', PROVIDER_TIMEOUT_MS: '4000' };
    bench = await ChatBench.start({ env });
    second = await startTestApp({ database: bench.server.database, publicUrl: bench.server.url, env });
  });

  beforeEach(async () => {
    mock.behave({});
    mock.requests.length = 0;
    caller = await bench.caller('enterprise');
  });

  afterEach(() => bench.expectBalanced());

  afterAll(async () => {
    await second.close();
    await bench.close();
    await mock.close();
  });

  function keyed(body: object, key = 'k', by: Caller = caller): Promise<Answer> {
    return by.chat(body, { 'idempotency-key': key });
  }

  function errorOf(answer: Answer): ErrorBody {
    return answer.body['error'] as ErrorBody;
  }

  async function credits(): Promise<string> {
    return (await caller.get('/v1/me/credits')).body['available'] as string;
  }

  it('is answered from the first answer when it is sent again: one call, one charge, one receipt', async () => {
    const first = await keyed({ ...CHAT, max_tokens: 100 });
    expect(first.status).toBe(200);
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    const again = await keyed({ max_tokens: 100, ...CHAT });
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    for (const name of [
      'x-request-id',
      'x-credits-charged',
      'x-credits-remaining',
      'content-type',
      'x-parameters-applied',
    ]) {
      expect([name, again.headers.get(name)]).toEqual([name, first.headers.get(name)]);
    }
    expect(mock.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
    const receipt = await caller.get(`/v1/usage/${again.headers.get('x-request-id')}`);
    expect(receipt.body).toMatchObject({ creditsCharged: first.headers.get('x-credits-charged') });
  });

  it('says what remains now, not what remained then', async () => {
    await keyed(CHAT);
    await keyed(CHAT, 'another');
    const again = await keyed(CHAT);
    expect(again.headers.get('x-credits-remaining')).toBe(await credits());
  });

  it('works through the official SDK, which asks again after a 409 until the answer is there', async () => {
    mock.behave({ delayMs: 600 });
    const options = { headers: { 'Idempotency-Key': 'sdk' } };
    const answers = await Promise.all(
      [0, 1].map(() => caller.openai.chat.completions.create(CHAT, options).withResponse()),
    );
    expect(answers[0]!.data).toEqual(answers[1]!.data);
    const replayed = answers.filter(({ response }) => response.headers.get('idempotent-replayed') === 'true');
    expect(replayed).toHaveLength(1);
    expect(mock.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
  });

  /** Fails when the claim is not part of the reservation. */
  it('that comes many times at once, at two processes, is one upstream call and one charge', async () => {
    mock.behave({ delayMs: 300 });
    const elsewhere = new Caller(caller.userId, caller.token, second);
    for (const stream of [false, true]) {
      mock.requests.length = 0;
      const before = (await caller.ledger()).length;
      const answers = await Promise.all(
        Array.from({ length: 24 }, (_, index) =>
          keyed({ ...CHAT, stream }, `many-${stream}`, index % 2 === 0 ? caller : elsewhere),
        ),
      );
      const first = answers.filter(({ status, headers }) => status === 200 && !headers.get('idempotent-replayed'));
      expect(first).toHaveLength(1);
      for (const answer of answers) {
        if (answer.status === 200) {
          expect(answer.body).toEqual(first[0]!.body);
        } else {
          expect(answer.status).toBe(409);
          expect(answer.headers.get('retry-after')).toBe('1');
          expect(errorOf(answer)).toMatchObject({ code: 'idempotency_in_progress', type: 'invalid_request_error' });
          expect(errorOf(answer).details).toMatchObject({ retryAfterSeconds: 1 });
        }
      }
      expect(mock.requests).toHaveLength(1);
      expect(await caller.ledger()).toHaveLength(before + 1);
    }
  });

  it('streams the same events again, with and without usage', async () => {
    for (const stream_options of [undefined, { include_usage: true }]) {
      const body = { ...CHAT, stream: true, ...(stream_options && { stream_options }) };
      const key = `stream-${stream_options !== undefined}`;
      const first = await keyed(body, key);
      const again = await keyed(body, key);
      expect(first.body['text']).toContain('data: [DONE]');
      expect(again.body['text']).toBe(first.body['text']);
      expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
      expect(again.headers.get('x-credits-held')).toBe(first.headers.get('x-credits-held'));
      expect(again.headers.get('idempotent-replayed')).toBe('true');
    }
    expect(mock.requests).toHaveLength(2);
    const run = caller.openai.chat.completions.stream(CHAT, { headers: { 'Idempotency-Key': 'stream-false' } });
    expect((await run.finalChatCompletion()).choices[0]?.message.content).toBe('Hello from the mock.');
    expect(mock.requests).toHaveLength(2);
  });

  it('is charged once on the route of embeddings too, where the same key is another one', async () => {
    const body = { model: 'sandbox-embedding', input: ['one', 'two'] };
    const embed = () => caller.post('/v1/embeddings', body, { 'idempotency-key': 'k' });
    expect((await keyed(CHAT)).status).toBe(200);
    const [first, again] = [await embed(), await embed()];
    expect(first.headers.get('ratelimit')).toContain('"requests_per_minute"');
    expect([first.status, first.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('x-credits-charged')).toBe(first.headers.get('x-credits-charged'));
    expect(await caller.ledger()).toHaveLength(2);
  });

  it('belongs to its user and its body', async () => {
    await keyed(CHAT);
    const other = await keyed({ ...CHAT, messages: [{ role: 'user', content: 'Good bye' }] });
    expect(other.status).toBe(422);
    expect(errorOf(other)).toMatchObject({ code: 'idempotency_mismatch', type: 'invalid_request_error' });
    const stranger = await bench.caller('pro');
    expect((await keyed(CHAT, 'k', stranger)).headers.get('idempotent-replayed')).toBeNull();
    expect(mock.requests).toHaveLength(2);
  });

  it.each([
    ['empty', ''],
    ['longer than 255 characters', 'k'.repeat(256)],
    ['not printable', 'a\tb'],
    ['not ASCII', 'schlüssel'],
  ])('whose key is %s is refused before anything else', async (_name, key) => {
    const { status, error } = await caller.refusedChat({ model: 'unknown' }, { 'idempotency-key': key });
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: 'idempotency_key_invalid', type: 'invalid_request_error' });
  });

  it('whose key has 255 characters is taken', async () => {
    const key = '~'.repeat(255);
    const [first, again] = [await keyed(CHAT, key), await keyed(CHAT, key)];
    expect([first.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
  });

  it('keeps nothing of a refusal or of a failed provider: the same key tries again, also with another body', async () => {
    const poor = await bench.caller('free');
    const tooDear = await keyed({ ...HELLO, model: 'sandbox-echo', max_tokens: 16_000, n: 8 }, 'k', poor);
    expect(tooDear.status).toBe(402);
    expect((await keyed(HELLO, 'k', poor)).status).toBe(200);
    for (const stream of [false, true]) {
      mock.behave({ status: 500 });
      expect((await keyed({ ...CHAT, stream }, `failed-${stream}`)).status).toBe(502);
      mock.behave({});
      const again = await keyed({ ...CHAT, stream }, `failed-${stream}`);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
    }
  });

  it('whose client left gets the whole answer when it asks again: it was read to its end, and charged once', async () => {
    for (const stream of [true, false]) {
      mock.behave({ delayMs: 300 });
      mock.requests.length = 0;
      const before = (await caller.ledger()).length;
      const leaving = new AbortController();
      const gone = fetch(`${caller.url}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${caller.token}`,
          'content-type': 'application/json',
          'idempotency-key': `gone-${stream}`,
        },
        body: JSON.stringify({ ...CHAT, stream }),
        signal: leaving.signal,
      });
      while (mock.requests.length === 0) await sleep(10);
      leaving.abort();
      await expect(gone).rejects.toThrow();
      let again = await keyed({ ...CHAT, stream }, `gone-${stream}`);
      expect(again.status).toBe(409);
      while (again.status === 409) {
        await sleep(50);
        again = await keyed({ ...CHAT, stream }, `gone-${stream}`);
      }
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      if (stream) expect(again.body['text']).toContain('[DONE]');
      else expect(again.body['choices']).toMatchObject([{ message: { content: 'Hello from the mock.' } }]);
      expect(mock.requests).toHaveLength(1);
      expect(await caller.ledger()).toHaveLength(before + 1);
    }
  });

  it('whose client left a provider that is told to stop gets what was charged, and the reason why it ends there', async () => {
    const registry = bench.server.app.get(ProviderRegistry);
    const original = registry.routeOf;
    const leaving = new AbortController();
    const events = (async function* () {
      yield chunk('Hel');
      await new Promise(() => undefined);
    })();
    const provider = scriptedProvider({ events, onDisconnect: { kind: 'cancel' } });
    registry.routeOf = () => ({ provider, isSandbox: false });
    const stream = await caller.openai.chat.completions.create(
      { ...CHAT, stream: true },
      { headers: { 'Idempotency-Key': 'cut' }, signal: leaving.signal },
    );
    for await (const _ of stream) leaving.abort();
    registry.routeOf = original;
    await caller.settled();
    const again = await keyed({ ...CHAT, stream: true }, 'cut');
    expect(again.body['text']).toContain('"Hel"');
    expect(again.body['text']).toContain('"code":"answer_cut_off"');
    expect(again.body['text']).not.toContain('[DONE]');
    expect(await caller.ledger()).toMatchObject([{ outcome: 'client_aborted', usage_source: 'estimated' }]);
    expect(mock.requests).toHaveLength(0);
  });

  it('of a stream that broke gets what arrived and how it ended, and no second charge', async () => {
    mock.behave({ cutAfterChunks: 2 });
    const first = await keyed({ ...CHAT, stream: true });
    expect(first.body['text']).toContain('provider_error');
    mock.behave({});
    const again = await keyed({ ...CHAT, stream: true });
    expect(again.body['text']).toBe(first.body['text']);
    expect(await caller.ledger()).toHaveLength(1);
  });

  it('whose answer is too large to be kept is charged once, and says so when it is asked again', async () => {
    for (const stream of [false, true]) {
      mock.behave({ content: 'x'.repeat(ANSWER_BYTES_MAX) });
      const first = await keyed({ ...CHAT, stream }, `large-${stream}`);
      expect(first.status).toBe(200);
      const again = await keyed({ ...CHAT, stream }, `large-${stream}`);
      expect(again.status).toBe(409);
      expect(again.headers.get('x-should-retry')).toBe('false');
      expect(errorOf(again)).toMatchObject({
        code: 'idempotency_answer_not_kept',
        details: { originalRequestId: first.headers.get('x-request-id'), limitBytes: ANSWER_BYTES_MAX },
      });
    }
    expect(await caller.ledger()).toHaveLength(2);
  });

  it('is free again when the process died with it and the sweeper has ended its hold', async () => {
    const { orm, app } = bench.server;
    await keyed(CHAT);
    await orm.em
      .getConnection()
      .execute(`update idempotency_keys set key = 'elsewhere' where user_id = ? and key = 'k'`, [caller.userId]);
    mock.behave({ delayMs: 500 });
    const slow = keyed(CHAT);
    while (mock.requests.length < 2) await sleep(10);
    expect((await keyed(CHAT)).status).toBe(409);
    // The process would have extended the hold; one that is dead does not.
    await orm.em
      .getConnection()
      .execute(
        `update credit_holds set expires_at = now() - interval '1 minute' where user_id = ? and state = 'pending'`,
        [caller.userId],
      );
    expect(await app.get(HoldSweeper).sweep(new Date())).toBe(1);
    mock.behave({});
    const again = await keyed(CHAT);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null]);
    await slow;
  });

  it('is new again after 24 hours, and the clean-up deletes what nobody can ask for', async () => {
    const { clock, app, orm } = bench.server;
    const first = await keyed(CHAT);
    expect(first.status).toBe(200);
    clock.advance(24 * HOUR_MS);
    const next = await keyed({ ...CHAT, max_tokens: 50 });
    expect([next.status, next.headers.get('idempotent-replayed')]).toEqual([200, null]);
    clock.advance(24 * HOUR_MS + 1);
    const summary = await app.get(JobRegistry).runNow('idempotency-cleanup', new Date(Date.now() + 48 * HOUR_MS + 1));
    expect(summary['deleted']).toBeGreaterThan(0);
    const [left] = await orm.em
      .getConnection()
      .execute<{ count: string }[]>('select count(*) from idempotency_keys', []);
    expect(Number(left?.count)).toBe(0);
    expect(await caller.ledger()).toHaveLength(2);
  });
});
