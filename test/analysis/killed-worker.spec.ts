import { JobRegistry } from '../../src/jobs/job-registry.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { type Caller, ChatBench } from '../inference/chat-bench.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { type ServerProcess, startWorkerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';
import { REQUEST, SENTIMENT } from './analysis-bench.js';

/** Longer than the sweep leaves alone what may be under way. */
const UNTOUCHED_MS = 31 * 60_000;
/** Time to lock the account in. */
const ANSWER_MS = 3_000;

describe('a worker that is killed between an answer and its charge', () => {
  let mock: OpenAiMock;
  let bench: ChatBench;
  let caller: Caller;
  const workers: ServerProcess[] = [];

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    mock.behave({ content: JSON.stringify(SENTIMENT) });
    // Takes analyses and works on none itself.
    bench = await ChatBench.start({ env: { OPENAI_BASE_URL: mock.baseUrl, OPENAI_API_KEY: 'sk-of-the-operator' } });
    caller = await bench.caller('pro');
  });
  afterAll(async () => {
    for (const worker of workers) await worker.kill();
    await bench.close();
    await mock.close();
  });

  async function startWorker(): Promise<ServerProcess> {
    const worker = await startWorkerProcess({
      ...bench.processEnvironment,
      OPENAI_BASE_URL: mock.baseUrl,
      OPENAI_API_KEY: 'sk-of-the-operator',
    });
    workers.push(worker);
    return worker;
  }

  const read = async (id: string) => (await caller.get(`/v1/analyses/${id}`)).body;

  // Removed once: the look for a kept answer in AnalysisAttempt; the model was asked a second time.
  it('leaves it to another, who charges it once, though the queue has lost the job too', async () => {
    const worker = await startWorker();
    mock.behave({ content: JSON.stringify(SENTIMENT), delayMs: ANSWER_MS });
    const id = String((await caller.post('/v1/analyses', REQUEST)).body['id']);
    await bench.server.orm.em.fork().transactional(async (em) => {
      // The charge waits for the account; what the worker has sent dies with it.
      await em.execute('select 1 from credit_accounts where user_id = ? for update', [caller.userId]);
      const kept = 'select 1 from ai_analyses where user_id = ? and answer is not null';
      await until(async () => (await caller.query(kept)).length === 1);
      await worker.kill();
      await em.execute(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'`);
      await em.execute(`delete from pgboss.job where name = 'analyses'`);
    });
    expect([(await read(id))['status'], await caller.ledger(), await caller.openHolds()]).toEqual([
      'processing',
      [],
      1,
    ]);

    const jobs = bench.server.app.get(JobRegistry);
    expect(await jobs.runNow('sweep-analyses', new Date(Date.now() + UNTOUCHED_MS))).toMatchObject({ sent: 1 });
    await startWorker();
    await until(async () => (await read(id))['status'] === 'completed');

    expect(await read(id)).toMatchObject({ result: SENTIMENT });
    expect(mock.requests).toHaveLength(1);
    expect(await caller.ledger()).toHaveLength(1);
    expect(await caller.query('select state, attempts_charged from credit_holds where user_id = ?')).toEqual([
      { state: 'settled', attempts_charged: 1 },
    ]);
    const { checks } = await bench.server.app.get(ReconciliationService).run();
    expect(checks.filter(({ isBroken }) => isBroken)).toEqual([]);
  });
});
