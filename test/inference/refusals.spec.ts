import { ChatBench, type Caller, type ErrorBody, HELLO } from './chat-bench.js';

describe('a refusal', () => {
  let bench: ChatBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await ChatBench.start();
  });
  beforeEach(async () => {
    caller = await bench.caller();
  });
  afterAll(() => bench.close());

  function execute(sql: string): Promise<unknown> {
    return bench.server.orm.em.getConnection().execute(sql, [caller.userId]);
  }

  it('for want of credits says what is needed, what is there, what is held, when more comes, and what would pass', async () => {
    const dear = { ...HELLO, max_tokens: 16_000, n: 8 };
    const { status, error } = await caller.refusedChat(dear);
    expect(status).toBe(402);
    const { needed, available, held, nextGrantAt, largestMaxTokens } = error.details;
    expect([available, held]).toEqual(['100.000000', '0.000000']);
    expect(Number(needed)).toBeGreaterThan(100);
    expect(new Date(nextGrantAt as string).getTime()).toBeGreaterThan(Date.now());
    expect(error.message).toContain(`up to ${String(needed)} credits; ${String(available)} are available`);
    expect(error.message).toContain(`A max_tokens of ${String(largestMaxTokens)} would pass.`);
    expect((await caller.chat({ ...dear, max_tokens: largestMaxTokens })).status).toBe(200);
  });

  it('for a debt says how much it is, when it is repaid, and what still answers', async () => {
    await execute('update credit_accounts set debt_ucr = 1500000 where user_id = ?');
    const { status, error } = await caller.refusedChat(HELLO);
    expect(status).toBe(402);
    expect(error).toMatchObject({ code: 'debt_outstanding', details: { debt: '1.500000' } });
    expect(error.message).toContain(String(error.details['nextGrantAt']));
    expect((await caller.chat({ ...HELLO, model: 'sandbox-free' })).status).toBe(200);
  });

  it('for a place among the concurrent requests says that one must end', async () => {
    await execute('update credit_accounts set pending_count = 2 where user_id = ?');
    const refused = await caller.chat(HELLO);
    expect(refused.status).toBe(429);
    const error = refused.body['error'] as ErrorBody;
    expect(error.details).toMatchObject({
      limitName: 'concurrent_requests',
      limit: 2,
      used: 2,
      remaining: 0,
      needed: 1,
      resetAt: null,
      retryAfterSeconds: 1,
    });
    expect(error.message).toContain('Wait for one of your requests under way to end. Try again in 1 s');
    expect(refused.headers.get('ratelimit')).toBe('"concurrent_requests";r=0');
  });
});
