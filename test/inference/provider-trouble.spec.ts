import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ProviderEvent } from '../../src/inference/providers/chat-provider.js';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { createTestDatabase } from '../support/test-server.js';
import { ChatBench, HELLO, type Caller, type ErrorBody } from './chat-bench.js';
import { ANSWER, chunk, type Script, scriptedProvider, usageEvent } from './fakes.js';

describe('trouble with a provider', () => {
  let bench: ChatBench;

  beforeAll(async () => {
    bench = await ChatBench.start({ env: { PROVIDER_TIMEOUT_MS: '300' } });
  });
  afterAll(() => bench.close());

  it.each([
    ['sandbox-error-500', 502, 'provider_error'],
    ['sandbox-timeout', 504, 'provider_timeout'],
  ])('%s costs nothing, whole or streamed', async (model, status, code) => {
    const caller = await bench.caller();
    for (const stream of [false, true]) {
      const refusal = await caller.refusedChat({ ...HELLO, model, stream });
      expect(refusal).toMatchObject({ status, error: { code, type: 'server_error' } });
      expect(refusal.error.details['request_id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('absent usage is estimated, marked so, and within the hold', async () => {
    const caller = await bench.caller();
    const whole = await caller.chat({ ...HELLO, model: 'sandbox-no-usage' });
    expect(whole.status).toBe(200);
    const streamed = await caller.chat({ ...HELLO, model: 'sandbox-no-usage', stream: true });
    expect(streamed.body['text']).toContain('[DONE]');
    const rows = await caller.ledger();
    expect(rows).toMatchObject([{ usage_source: 'estimated' }, { usage_source: 'estimated' }]);
    for (const row of rows) {
      expect(row.input_tokens).toBeGreaterThan(0);
      expect(row.input_tokens).toBeLessThanOrEqual(5 + 16);
      expect(row.output_tokens).toBeGreaterThan(0);
      expect(row.output_tokens).toBeLessThanOrEqual(5);
    }
    const receipt = await caller.get(`/v1/usage/${whole.headers.get('x-request-id')}`);
    expect(receipt.body).toMatchObject({
      usageSource: 'estimated',
      creditsCharged: whole.headers.get('x-credits-charged'),
    });
  });

  it('zero usage is zero', async () => {
    const caller = await bench.caller();
    const answer = await caller.chat({ ...HELLO, model: 'sandbox-zero-usage' });
    expect(answer.headers.get('x-credits-charged')).toBe('0.000000');
    expect(await caller.ledger()).toMatchObject([{ usage_source: 'provider', input_tokens: 0, output_tokens: 0 }]);
    expect(await caller.openHolds()).toBe(0);
  });

  it('a stream that breaks is charged for what arrived, and says so', async () => {
    const caller = await bench.caller();
    const answer = await caller.chat({
      model: 'sandbox-drop-mid-stream',
      messages: [{ role: 'user', content: 'A message of more than one chunk' }],
      stream: true,
    });
    const text = answer.body['text'] as string;
    expect(text).not.toContain('[DONE]');
    const last = text.trim().split('\n\n').at(-1)!;
    expect(JSON.parse(last.slice('data: '.length))).toMatchObject({ error: { code: 'provider_error' } });
    const [row] = await caller.ledger();
    expect(row).toMatchObject({ outcome: 'provider_error', usage_source: 'estimated' });
    expect(row?.output_tokens).toBeGreaterThan(0);
    expect(await caller.openHolds()).toBe(0);
  });

  it('the exact model costs what was held, and the free one nothing', async () => {
    const caller = await bench.caller();
    const exact = await caller.chat({ ...HELLO, model: 'sandbox-exact', max_tokens: 100, n: 2 });
    expect(exact.headers.get('x-credits-charged')).toBe('0.221000');
    const free = await caller.chat({ ...HELLO, model: 'sandbox-free' });
    expect(free.headers.get('x-credits-charged')).toBe('0.000000');
    expect(free.headers.get('x-credits-remaining')).toBe(exact.headers.get('x-credits-remaining'));
  });

  describe('when the client leaves', () => {
    let original: ProviderRegistry['routeOf'];

    beforeAll(() => {
      original = bench.server.app.get(ProviderRegistry).routeOf;
    });
    afterAll(() => {
      bench.server.app.get(ProviderRegistry).routeOf = original;
    });

    /** Answers with what tells when the provider is asked: who leaves before that owes nothing. */
    function provide(script: Script): () => Promise<void> {
      const provider = scriptedProvider(script);
      bench.server.app.get(ProviderRegistry).routeOf = () => ({ provider, isSandbox: false });
      return async () => {
        while (!provider.signal) await sleep(5);
      };
    }

    it('in mid-stream, the provider is read on and its usage charged', async () => {
      provide({ events: slowly() });
      const caller = await bench.caller();
      await leaveAfterFirstByte(caller);
      expect(await caller.settled()).toMatchObject([
        {
          outcome: 'client_aborted',
          usage_source: 'provider',
          input_tokens: 9,
          output_tokens: 4,
          provider: 'scripted',
        },
      ]);
    });

    it('before a whole answer, that answer is charged all the same', async () => {
      const whenAsked = provide({ answer: () => sleep(150).then(() => ANSWER) });
      const caller = await bench.caller();
      const client = send(caller, { stream: false });
      await whenAsked();
      client.destroy();
      expect(await caller.settled()).toMatchObject([{ outcome: 'client_aborted', usage_source: 'provider' }]);
    });

    it('before the head, the hold ends all the same', async () => {
      const whenAsked = provide({ events: slowly(150) });
      const caller = await bench.caller();
      const client = send(caller);
      await whenAsked();
      client.destroy();
      expect(await caller.settled()).toMatchObject([{ outcome: 'client_aborted', usage_source: 'provider' }]);
    });
  });
});

describe('a server that stops', () => {
  it('first settles what its clients have left', async () => {
    const database = await createTestDatabase();
    try {
      const bench = await ChatBench.start({ database });
      const provider = scriptedProvider({ events: slowly() });
      bench.server.app.get(ProviderRegistry).routeOf = () => ({ provider, isSandbox: false });
      const caller = await bench.caller();
      await leaveAfterFirstByte(caller);
      await bench.close();
      const { rows } = await query(
        database.url,
        `select h.state, l.outcome, l.usage_source from credit_holds h join token_usage_ledger l on l.hold_id = h.id`,
      );
      expect(rows).toEqual([{ state: 'settled', outcome: 'client_aborted', usage_source: 'provider' }]);
    } finally {
      await database.drop();
    }
  });
});

describe('a server without the sandbox', () => {
  it('lists models that nobody answers as not available and refuses them', async () => {
    const bench = await ChatBench.start({ env: { SANDBOX: '0' } });
    try {
      const caller = await bench.caller('enterprise');
      const list = await caller.get('/v1/models/gpt-5-mini');
      expect(list.body).toMatchObject({ id: 'gpt-5-mini', available: false });
      const answer = await caller.chat({ ...HELLO, model: 'gpt-5-mini' });
      expect(answer.status).toBe(404);
      expect(answer.body['error'] as ErrorBody).toMatchObject({ code: 'model_unavailable' });
      // An estimate goes on after that, also to what only a provider can tell.
      const content = [{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }];
      const marked = { model: 'claude-sonnet-4-5', messages: [{ role: 'user', content }] };
      const estimate = await caller.post('/v1/estimates', marked);
      expect(estimate.body).toMatchObject({ wouldPass: false, refusals: [{ code: 'model_unavailable' }] });
    } finally {
      await bench.close();
    }
  });
});

async function* slowly(firstMs = 0): AsyncGenerator<ProviderEvent> {
  await sleep(firstMs);
  for (let index = 0; index < 5; index += 1) {
    yield chunk('word ');
    await sleep(50);
  }
  yield usageEvent();
}

function send(caller: Caller, change: Record<string, unknown> = { stream: true }) {
  const client = request(`${caller.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
  });
  client.on('error', () => undefined);
  client.end(JSON.stringify({ ...HELLO, ...change }));
  return client;
}

function leaveAfterFirstByte(caller: Caller): Promise<void> {
  return new Promise((resolve) => {
    const client = send(caller);
    client.on('response', (response) => {
      response.on('error', () => undefined);
      response.once('data', () => {
        client.destroy();
        resolve();
      });
    });
  });
}

async function query(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
