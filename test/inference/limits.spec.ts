import OpenAI from 'openai';
import { Clock } from '../../src/common/clock.js';
import { HoldRepository } from '../../src/credits/hold.repository.js';
import { PlanService } from '../../src/subscription/plan.service.js';
import { type Caller, ChatBench, type ErrorBody, HELLO } from './chat-bench.js';

interface Limit {
  name: string;
  limit: number | null;
  used: number;
  remaining: number | null;
  resetAt: string | null;
}

describe('limits', () => {
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await ChatBench.start();
  });

  beforeEach(async () => {
    caller = await bench.caller();
    // Each test has a whole minute of its own, at least, whenever it runs; and stays in the month.
    const rest = bench.server.app.get(Clock).now().getTime() % 60_000;
    bench.server.clock.advance(60_000 - rest);
  });

  afterAll(() => bench.close());

  async function setPlan(columns: string): Promise<void> {
    await bench.server.orm.em.getConnection().execute(`update plans set ${columns} where tier = 'free'`);
    bench.server.app.get(PlanService).forget();
  }

  async function limits(by = caller): Promise<Map<string, Limit>> {
    const { status, body } = await by.get('/v1/me/limits');
    expect(status).toBe(200);
    return new Map((body['limits'] as Limit[]).map((limit) => [limit.name, limit]));
  }

  /** How many reservations reached the database while `work` ran. */
  async function reservationsDuring(work: () => Promise<unknown>): Promise<number> {
    const original = HoldRepository.prototype.reserve;
    let members = 0;
    HoldRepository.prototype.reserve = function (this: HoldRepository, ...args) {
      members += args[0].length;
      return original.apply(this, args);
    };
    try {
      await work();
      return members;
    } finally {
      HoldRepository.prototype.reserve = original;
    }
  }

  it('are shown to people: each with what is used, what is left and when it starts again, beside the credits', async () => {
    const before = await caller.get('/v1/me/limits');
    expect(before.body).toMatchObject({
      tier: 'free',
      credits: { available: '100.000000', held: '0.000000', debt: '0.000000', nextGrantAt: expect.any(String) },
    });
    await caller.chat(HELLO);
    const after = await limits();
    expect(after.get('requests_per_minute')).toMatchObject({ limit: 10, used: 1, remaining: 9 });
    expect(after.get('concurrent_requests')).toMatchObject({ limit: 2, used: 0, remaining: 2, resetAt: null });
    expect(after.get('tokens_per_day')).toMatchObject({ limit: null, remaining: null });
    expect(after.get('tokens_per_day')!.used).toBeGreaterThan(0);
    expect(after.size).toBe(7);
    bench.server.clock.advance(60_000);
    expect((await limits()).get('requests_per_minute')).toMatchObject({ used: 0, remaining: 10 });
    expect((await limits()).get('requests_per_day')).toMatchObject({ used: 1 });
  });

  it('are told by every answer, whole or streamed, from what the reservation knows', async () => {
    for (const [index, stream] of [false, true].entries()) {
      const { headers } = await caller.chat({ ...HELLO, stream });
      expect(headers.get('ratelimit-policy')).toBe(
        '"concurrent_requests";q=2;qu="concurrent-requests", "requests_per_minute";q=10;w=60',
      );
      expect(headers.get('ratelimit')).toMatch(
        new RegExp(`^"concurrent_requests";r=1, "requests_per_minute";r=${9 - index};t=\\d+$`),
      );
    }
    const { response } = await caller.openai.chat.completions
      .create({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }] })
      .withResponse();
    expect(response.headers.get('ratelimit')).toContain('"requests_per_minute";r=7');
  });

  it('that are reached name themselves, what is left, what was needed, when to come back and what to do', async () => {
    for (let request = 0; request < 10; request += 1) expect((await caller.chat(HELLO)).status).toBe(200);
    const refused = await caller.chat(HELLO);
    const { resetAt } = (await limits()).get('requests_per_minute')!;
    expect(refused.status).toBe(429);
    const error = refused.body['error'] as ErrorBody;
    expect(error).toMatchObject({
      code: 'rate_limited',
      type: 'rate_limit_error',
      details: { limitName: 'requests_per_minute', limit: 10, used: 10, remaining: 0, needed: 1, resetAt },
    });
    expect(error.message).toMatch(
      /^The plan allows 10 requests per minute; 0 are left, and this request needs 1\. Try again in \d+ s, or move to a larger plan\.$/,
    );
    expect(error.details['retryAfterSeconds']).toBe(Number(refused.headers.get('retry-after')));
    expect(refused.headers.get('ratelimit')).toMatch(/^"requests_per_minute";r=0;t=\d+$/);
    expect(refused.headers.get('ratelimit-policy')).toBe('"requests_per_minute";q=10;w=60');
    const silent = new OpenAI({ baseURL: `${caller.url}/v1`, apiKey: caller.token, maxRetries: 0 });
    await expect(
      silent.chat.completions.create({ model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hi' }] }),
    ).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  });

  /** Fails when the guard is taken away: then each refusal costs a transaction. */
  it('that are used up refuse without the database, and nobody else, and not after their reset', async () => {
    const asked = await reservationsDuring(async () => {
      for (let request = 0; request < 30; request += 1) await caller.chat(HELLO);
    });
    expect(asked).toBeLessThan(20);
    const other = await bench.caller();
    expect((await other.chat(HELLO)).status).toBe(200);
    bench.server.clock.advance(60_000);
    expect((await caller.chat(HELLO)).status).toBe(200);
  });

  it('that are used up do not refuse a replay', async () => {
    const first = await caller.chat(HELLO, { 'idempotency-key': 'k' });
    for (let request = 0; request < 10; request += 1) await caller.chat(HELLO);
    expect((await caller.chat(HELLO)).status).toBe(429);
    const again = await caller.chat(HELLO, { 'idempotency-key': 'k' });
    expect(again).toMatchObject({ status: 200, body: first.body });
  });

  /** Fails when tokens are counted only for a balance that the bytes do not fit. */
  it('of tokens take a request whose counted tokens fit, though it has more bytes', async () => {
    try {
      await setPlan('tokens_per_minute = 400');
      const long = { ...HELLO, messages: [{ role: 'user', content: 'word '.repeat(200) }], max_tokens: 20 };
      expect((await caller.post('/v1/estimates', long)).body).toMatchObject({ wouldPass: true, refusals: [] });
      expect((await caller.chat(long)).status).toBe(200);
      const again = await caller.chat(long);
      expect(again.status).toBe(429);
      // What would be needed, as it was counted: not a byte for each token.
      const { details } = again.body['error'] as ErrorBody;
      expect(details).toMatchObject({ limitName: 'tokens_per_minute', needed: 200 + 1 + 16 + 20 });
      const other = await bench.caller();
      const input = ['word '.repeat(200)];
      expect((await other.post('/v1/embeddings', { model: 'sandbox-embedding', input })).status).toBe(200);
    } finally {
      await setPlan('tokens_per_minute = null');
    }
  });

  /** Fails when the guard does not compare the limit with the plan's of now. */
  it('of a plan that became larger count at once', async () => {
    for (let request = 0; request < 11; request += 1) await caller.chat(HELLO);
    try {
      await setPlan('requests_per_minute = 12');
      expect((await caller.chat(HELLO)).status).toBe(200);
    } finally {
      await setPlan('requests_per_minute = 10');
    }
  });

  it.each([
    ['tokens_per_minute', 'requests_per_minute'],
    ['tokens_per_day', 'requests_per_day'],
    ['tokens_per_month', 'requests_per_month'],
  ])(
    'of %s say how many tokens the request needs, and that one above the whole limit can never pass',
    async (tokens, requests) => {
      try {
        await setPlan(`${tokens} = 400, ${requests} = 100`);
        const passed = await caller.chat({ ...HELLO, max_tokens: 300 });
        expect(passed.status).toBe(200);
        const { used } = (await limits()).get(tokens)!;
        expect(used).toBeLessThan(100);
        const crowded = await caller.chat({ ...HELLO, max_tokens: 382 });
        expect(crowded.status).toBe(429);
        expect(Number(crowded.headers.get('retry-after'))).toBeGreaterThan(0);
        const error = crowded.body['error'] as ErrorBody;
        expect(error.details).toMatchObject({ limitName: tokens, limit: 400, remaining: 400 - used });
        expect(error.details['needed']).toBeGreaterThan(400 - used);
        expect(error.message).toContain('A lower max_tokens or a shorter prompt needs fewer.');
        const never = await caller.chat({ ...HELLO, max_tokens: 500 });
        expect(never.status).toBe(429);
        expect(never.headers.get('x-should-retry')).toBe('false');
        expect(never.headers.get('retry-after')).toBeNull();
        expect((never.body['error'] as ErrorBody).message).toContain('can never pass');
        expect((await limits()).get(requests)).toMatchObject({ limit: 100, used: 1 });
      } finally {
        await setPlan(`${tokens} = null, ${requests} = ${requests === 'requests_per_minute' ? 10 : 'null'}`);
      }
    },
  );
});
