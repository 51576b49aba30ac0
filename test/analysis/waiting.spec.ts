import { startTestApp, type TestApp } from '../support/test-app.js';
import { until } from '../support/until.js';
import { type Caller, HELLO } from '../inference/chat-bench.js';
import { AnalysisBench, REQUEST, SENTIMENT } from './analysis-bench.js';

const QUEUED_MAX = 5;
const ANSWER_MS = 3_000;

describe('analyses that wait', () => {
  let bench: AnalysisBench;
  let worker: TestApp | undefined;

  beforeAll(async () => {
    // Takes requests, and works on none.
    bench = await AnalysisBench.start({ JOBS: 'off', ANALYSES_QUEUED_MAX: String(QUEUED_MAX) });
  });
  afterAll(async () => {
    await worker?.close();
    await bench.close();
  });

  const pending = async (caller: Caller): Promise<number> =>
    (await caller.query(`select 1 from credit_holds where user_id = ? and state = 'pending'`)).length;

  // Removed once: the lock of the user's queue; more were taken than may wait.
  it('are no concurrent requests before they are worked on, and are as many as may wait', async () => {
    const caller = await bench.chat.caller('free');
    const accepted = await Promise.all(
      Array.from({ length: QUEUED_MAX + 2 }, (_, index) =>
        caller.post('/v1/analyses', { ...REQUEST, subject: `entry-${index}` }),
      ),
    );
    const taken = accepted.filter(({ status }) => status === 202);
    const refused = accepted.filter(({ status }) => status === 429);
    expect([taken.length, refused.length]).toEqual([QUEUED_MAX, 2]);
    for (const { body, headers } of refused) {
      expect(body).toMatchObject({
        code: 'analysis_queue_full',
        limit: { name: 'queued_analyses', limit: QUEUED_MAX },
      });
      expect(body['detail']).toContain(`${QUEUED_MAX} of your analyses are waiting`);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await until(async () => (await pending(caller)) === QUEUED_MAX);

    const concurrent = async (): Promise<number> => {
      const { limits } = (await caller.get('/v1/me/limits')).body as { limits: { name: string; used: string }[] };
      return Number(limits.find(({ name }) => name === 'concurrent_requests')?.used);
    };
    expect(await concurrent()).toBe(0);
    expect((await caller.chat(HELLO)).status).toBe(200);

    bench.provider.behave({ content: JSON.stringify(SENTIMENT), delayMs: ANSWER_MS });
    const { database, url } = bench.chat.server;
    const env = { JOBS: 'on', OPENAI_BASE_URL: bench.provider.baseUrl, OPENAI_API_KEY: 'sk-mock' };
    worker = await startTestApp({ database, publicUrl: url, env });
    await until(() => bench.provider.requests.length === QUEUED_MAX);
    await until(async () => (await concurrent()) === QUEUED_MAX);
    const meanwhile = await caller.chat(HELLO);
    expect([meanwhile.status, JSON.stringify(meanwhile.body)]).toEqual([
      429,
      expect.stringContaining('concurrent_requests'),
    ]);
    await until(async () => (await pending(caller)) === 0);
    expect(await concurrent()).toBe(0);
    expect((await caller.chat(HELLO)).status).toBe(200);
    await bench.expectBalanced();
  });

  it('count again as waiting between two attempts', async () => {
    bench.provider.behave({ status: 500 });
    const caller = await bench.chat.caller('free');
    const { id } = (await caller.post('/v1/analyses', REQUEST)).body as { id: string };
    const waiting = 'select 1 from credit_holds where user_id = ? and is_waiting';
    await until(async () => (await caller.get(`/v1/analyses/${id}`)).body['attempts'] === 1);
    await until(async () => (await caller.query(waiting)).length === 1);
    bench.answer(SENTIMENT);
    await until(async () => (await pending(caller)) === 0);
    expect(await caller.query(waiting)).toEqual([]);
    await bench.expectBalanced();
  });
});
