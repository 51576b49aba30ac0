import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Clock } from '../../src/common/clock.js';
import { newId } from '../../src/common/ids.js';
import type { ProviderAnswer, ProviderEvent } from '../../src/inference/providers/chat-provider.js';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { META_EXAMPLE } from '../../src/models/admin/model-examples.js';
import { type Caller, ChatBench, type ErrorBody, HELLO } from '../inference/chat-bench.js';
import { ANSWER, chunk, scriptedProvider, type Script, USAGE, usageEvent } from '../inference/fakes.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { issueToken } from '../support/tokens.js';

/** What every model of the sandbox costs for `HELLO` with `max_tokens: 79`, when the whole hold is used: 100 tokens. */
const EXACT = { ...HELLO, model: 'sandbox-exact', max_tokens: 79 };
const UNPRICED = {
  displayName: 'No price',
  capabilities: ['text', 'chat'],
  contextLength: 1_000,
  maxOutputTokens: 100,
};

/** The traps that users meet over HTTP, on two replicas of one database. The others are in `catalogue.spec.ts`. */
describe('the catalogue of traps, over HTTP', () => {
  let database: TestDatabase;
  let bench: ChatBench;
  let replica: TestApp;
  let operator: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    await query(`insert into models (id, name, provider, meta) values ('no-price', 'no-price', 'openai', $1)`, [
      UNPRICED,
    ]);
    await query(
      `insert into model_versions (model_id, version_no, meta, change_reason) values ('no-price', 1, $1, 'test')`,
      [UNPRICED],
    );
    bench = await ChatBench.start({ database });
    replica = await startTestApp({ database, publicUrl: bench.server.url });
    operator = await issueToken(bench.server.app, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
    // A minute that ends in mid-test would begin its limits anew.
    const now = new Date();
    for (const { app } of [bench.server, replica]) app.get(Clock).now = () => now;
  });

  afterAll(async () => {
    await replica.close();
    await bench.close();
    await database.drop();
  });

  afterEach(async () => {
    restore?.();
    const { body } = await admin('GET', '/admin/reconciliation');
    expect(body).toMatchObject({ balanced: true });
  });

  let restore: (() => void) | undefined;

  function provide(script: Script): void {
    const registry = bench.server.app.get(ProviderRegistry);
    const original = registry.routeOf;
    registry.routeOf = () => ({ provider: scriptedProvider(script), isSandbox: false });
    restore = () => {
      registry.routeOf = original;
      restore = undefined;
    };
  }

  async function query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  async function admin(
    method: string,
    path: string,
    body?: object,
    server = bench.server,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(server.url + path, {
      method,
      headers: {
        authorization: `Bearer ${operator}`,
        'idempotency-key': newId(),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** A user whose whole balance is `amount` credits, on a plan without limits in the way. */
  async function holding(amount: string): Promise<Caller> {
    const caller = await bench.caller('enterprise');
    const { body } = await caller.get('/v1/me/credits');
    const [grant] = body['grants'] as { id: string }[];
    const taken = { userId: caller.userId, grantId: grant!.id, reason: 'test', amount: '-100000' };
    expect((await admin('POST', '/admin/credits/adjustments', taken)).status).toBe(201);
    if (amount !== '0') await give(caller, amount);
    return caller;
  }

  async function give({ userId }: Caller, amount: string): Promise<void> {
    expect((await admin('POST', '/admin/credits/grants', { userId, amount })).status).toBe(201);
  }

  const credits = async (caller: Caller, url = bench.server.url): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}/v1/me/credits`, { headers: { authorization: `Bearer ${caller.token}` } });
    return (await response.json()) as Record<string, unknown>;
  };

  function answerWith(usage: ProviderAnswer['usage'], afterMs = 0): () => Promise<ProviderAnswer> {
    return () => sleep(afterMs).then(() => ({ ...ANSWER, usage }));
  }

  const chat = (caller: Caller, url: string, body: object = EXACT): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('1 check and decrement apart: parallel requests on two replicas never spend one credit twice', async () => {
    const caller = await holding('0.5');
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => chat(caller, index % 2 ? replica.url : bench.server.url)),
    );
    const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other);
    expect(statuses).toEqual([...Array.from({ length: 5 }, () => 200), ...Array.from({ length: 35 }, () => 402)]);
    expect(await credits(caller)).toMatchObject({ available: '0.000000', held: '0.000000' });
  });

  it('2 rich users skip the hold: whoever has a fortune is held for all the same', async () => {
    const caller = await holding('1000000');
    let held: Record<string, unknown> | undefined;
    provide({ answer: async () => ((held = await credits(caller)), ANSWER) });
    expect((await caller.chat({ ...EXACT, model: 'sandbox-echo' })).status).toBe(200);
    expect(held).toMatchObject({ held: '0.100000', balance: '1000000.000000', available: '999999.900000' });
  });

  it('5 disconnect is free: a client that leaves in mid-stream pays what its provider reports', async () => {
    provide({ events: slowly() });
    const caller = await bench.caller();
    await leave(caller, { stream: true }, 'after the first byte');
    expect(await caller.settled()).toMatchObject([
      { outcome: 'client_aborted', usage_source: 'provider', input_tokens: 9, output_tokens: 4, credits_ucr: '13000' },
    ]);
  });

  it('6 disconnect refunds what the provider charges: a client that leaves before the answer pays for it', async () => {
    provide({ answer: answerWith(USAGE, 150) });
    const caller = await bench.caller();
    await leave(caller, { stream: false }, 'at once');
    expect(await caller.settled()).toMatchObject([{ outcome: 'client_aborted', credits_ucr: '13000' }]);
  });

  it('7 zero usage replaced by an estimate: zero is zero, and only what is absent is estimated', async () => {
    const caller = await bench.caller();
    for (const [model, charged] of [
      ['sandbox-zero-usage', /^0\.000000$/],
      ['sandbox-no-usage', /^0\.0[0-9]*[1-9]/],
    ] as const) {
      const answer = await caller.chat({ ...HELLO, model });
      expect(answer.headers.get('x-credits-charged')).toMatch(charged);
    }
    expect((await caller.ledger()).map((row) => row.usage_source)).toEqual(['provider', 'estimated']);
  });

  it('8 unknown price is free: a model without a price cannot be called', async () => {
    const caller = await bench.caller('enterprise');
    const refusal = await caller.refusedChat({ ...HELLO, model: 'no-price' });
    expect(refusal).toMatchObject({ status: 404, error: { code: 'model_not_priced' } });
  });

  it('9 a negative price raises a balance: no price below zero is accepted, and no charge below zero stored', async () => {
    const { requiredTier: _tier, parameterConstraints: _constraints, ...plain } = META_EXAMPLE;
    const of = { id: 'below-zero', name: 'below-zero', provider: 'openai', reason: 'test' };
    const meta = { ...plain, creditsPer1kTokens: -1, creditRates: { input: -0.001 }, inputCostPerMillionTokens: -5 };
    const refusal = await admin('POST', '/admin/models', { ...of, meta });
    expect(refusal.status).toBe(400);
    const fields = (refusal.body['errors'] as { field: string }[]).map(({ field }) => field);
    for (const name of ['creditsPer1kTokens', 'creditRates', 'inputCostPerMillionTokens']) {
      expect(fields.join(' ')).toContain(name);
    }
    const caller = await bench.caller();
    await caller.chat(HELLO);
    const copy = `insert into token_usage_ledger (user_id, id, request_id, hold_id, model_id, model_version_no, provider, operation,
      input_tokens, output_tokens, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, created_at)
      select user_id, gen_random_uuid(), request_id, hold_id, model_id, model_version_no, provider, operation,
      input_tokens, output_tokens, -1, cost_nusd, usage_source, outcome, latency_ms, created_at from token_usage_ledger where user_id = $1`;
    await expect(query(copy, [caller.userId])).rejects.toThrow(/token_usage_ledger_amounts_check/);
  });

  it('10 a clamp hides debt: cost beyond the balance is owed, seen, refused for and repaid first', async () => {
    const caller = await holding('1');
    provide({ answer: answerWith({ ...USAGE, inputTokens: 0, outputTokens: 3_500 }) });
    const answer = await caller.chat({ ...EXACT, model: 'sandbox-echo' });
    expect(answer.headers.get('x-credits-charged')).toBe('3.500000');
    restore?.();
    expect(await credits(caller)).toMatchObject({ available: '-2.500000', balance: '0.000000', debt: '2.500000' });
    const refused = await caller.chat(EXACT);
    expect(refused.status).toBe(402);
    expect((refused.body['error'] as ErrorBody).code).toBe('debt_outstanding');
    await give(caller, '4');
    expect(await credits(caller)).toMatchObject({ available: '1.500000', balance: '1.500000', debt: '0.000000' });
  });

  it('11 an empty balance blocks free models: who has nothing, or owes, is answered where nothing is charged', async () => {
    const caller = await holding('0');
    expect((await caller.chat({ ...HELLO, model: 'sandbox-echo' })).status).toBe(402);
    expect((await caller.chat({ ...HELLO, model: 'sandbox-free' })).status).toBe(200);
    await give(caller, '0.1');
    provide({ answer: answerWith({ ...USAGE, outputTokens: 500 }) });
    await caller.chat({ ...EXACT, model: 'sandbox-echo' });
    restore?.();
    expect(await credits(caller)).toMatchObject({ debt: '0.409000' });
    expect((await caller.chat({ ...HELLO, model: 'sandbox-free' })).status).toBe(200);
  });

  it('14 limits are per replica: two replicas count together', async () => {
    const caller = await bench.caller();
    const statuses: number[] = [];
    for (let index = 0; index < 14; index += 1) {
      const { status } = await chat(caller, index % 2 ? replica.url : bench.server.url, HELLO);
      statuses.push(status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.slice(10)).toEqual([429, 429, 429, 429]);
  });

  it('15 batched spend lost in a crash: whoever reads an answer finds its charge committed', async () => {
    const caller = await holding('100');
    const reader = new pg.Pool({ connectionString: database.url, max: 10 });
    const found = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { headers } = await chat(caller, bench.server.url);
        const sql = 'select credits_ucr::int as charged from token_usage_ledger where user_id = $1 and request_id = $2';
        const { rows } = await reader.query<{ charged: number }>(sql, [caller.userId, headers.get('x-request-id')]);
        return rows.map(({ charged }) => charged);
      }),
    );
    await reader.end();
    expect(found).toEqual(Array.from({ length: 60 }, () => [100_000]));
    // The tests' own cluster does not wait for the disk; what matters is that no session of ours asks for that.
    const [setting] = await bench.server.orm.em
      .fork()
      .execute<{ source: string }[]>(`select source from pg_settings where name = 'synchronous_commit'`);
    expect(setting?.source).toBe('command line');
  });

  it('18 a new user’s first requests bypass limits: ten at once open one account and two pass', async () => {
    const caller = await bench.stranger();
    provide({ answer: answerWith(USAGE, 400) });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => caller.chat({ ...EXACT, model: 'sandbox-echo' })),
    );
    const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other);
    expect(statuses).toEqual([200, 200, 429, 429, 429, 429, 429, 429, 429, 429]);
    const given = await query('select source::text from credits where user_id = $1', [caller.userId]);
    expect(given).toEqual([{ source: 'subscription' }]);
  });

  it('19 a refund lives only in memory: another replica has it at once, and a second one is refused', async () => {
    const caller = await holding('1');
    const requestId = (await chat(caller, bench.server.url)).headers.get('x-request-id');
    expect(await credits(caller, replica.url)).toMatchObject({ available: '0.900000' });
    const refund = { userId: caller.userId, requestId, reason: 'test' };
    expect((await admin('POST', '/admin/credits/refunds', refund)).status).toBe(201);
    expect(await credits(caller, replica.url)).toMatchObject({ available: '1.000000' });
    const again = await admin('POST', '/admin/credits/refunds', refund, replica);
    expect(again).toMatchObject({ status: 409, body: { code: 'posting_reversed' } });
    expect(await credits(caller)).toMatchObject({ available: '1.000000' });
  });
});

async function* slowly(): AsyncGenerator<ProviderEvent> {
  for (let index = 0; index < 4; index += 1) {
    yield chunk('word ');
    await sleep(30);
  }
  yield usageEvent();
}

function leave(caller: Caller, change: object, when: 'at once' | 'after the first byte'): Promise<void> {
  const client = request(`${caller.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${caller.token}`, 'content-type': 'application/json' },
  });
  client.on('error', () => undefined);
  client.end(JSON.stringify({ ...HELLO, ...change }));
  if (when === 'at once') return sleep(75).then(() => void client.destroy());
  return new Promise((resolve) => {
    client.on('response', (response) => {
      response.on('error', () => undefined);
      response.once('data', () => {
        client.destroy();
        resolve();
      });
    });
  });
}
