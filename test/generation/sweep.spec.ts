import { JobRegistry } from '../../src/jobs/job-registry.js';
import type { Caller } from '../inference/chat-bench.js';
import { until } from '../support/until.js';
import { CUT_OFF_MODEL, GenerationBench } from './generation-bench.js';

const MINUTE_MS = 60_000;
const MODEL = 'sandbox-echo';

describe('a run that the queue has lost', () => {
  let bench: GenerationBench;
  let caller: Caller;
  let id: string;
  beforeAll(async () => {
    bench = await GenerationBench.start();
  });
  beforeEach(async () => {
    caller = await bench.chats.caller('pro');
    bench.mock.behave({ delayMs: 600_000 });
    bench.mock.requests.length = 0;
    // As many as one user may have under way, so that the next one waits.
    const others = await Promise.all([1, 2].map(() => bench.begin(caller, { models: [CUT_OFF_MODEL] })));
    await until(() => bench.mock.requests.length === 2);
    id = await bench.begin(caller, { models: [MODEL] });
    await bench.execute(`delete from pgboss.job where name = 'generations' and data->>'id' = ?`, [id]);
    for (const other of others) await caller.cancel(`/v1/generations/${other}`);
    for (const other of others) await bench.ended(caller, other);
  });
  afterEach(() => bench.expectCleanBooks());
  afterAll(() => bench.close());

  const runJob = (name: string, afterMs: number) =>
    bench.app.get(JobRegistry).runNow(name, new Date(Date.now() + afterMs));

  // Removed once: the job. It stayed pending for a day, nobody could delete its project, and then it was gone without a word.
  it('is made by another worker, once', async () => {
    expect(await runJob('sweep-generations', 19 * MINUTE_MS)).toEqual({ sent: 0 });
    expect(await runJob('sweep-generations', 21 * MINUTE_MS)).toEqual({ sent: 1 });
    expect(await bench.ended(caller, id)).toMatchObject({ status: 'completed', modelsCompleted: [MODEL] });
    expect(await caller.ledger()).toHaveLength(1);
    expect(await runJob('sweep-generations', 21 * MINUTE_MS)).toEqual({ sent: 0 });
  });

  it('ends with a reason, and free of charge, where its credits are held no more', async () => {
    await runJob('sweep-expired-holds', 31 * MINUTE_MS);
    expect(await runJob('sweep-generations', 31 * MINUTE_MS)).toEqual({ sent: 1 });
    expect(await bench.ended(caller, id)).toMatchObject({
      status: 'failed',
      errorDetails: { [MODEL]: { code: 'hold_expired' } },
      creditsCharged: '0.000000',
    });
    expect(await caller.ledger()).toEqual([]);
  });
});
