import { newId } from '../../src/common/ids.js';
import { GenerationOutcome } from '../../src/generation/runs/generation-outcome.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import type { Caller } from '../inference/chat-bench.js';
import { CUT_OFF_MODEL, GenerationBench, IDEA } from './generation-bench.js';

const DAY_MS = 86_400_000;
const YEARS = 3;
/** Half of what the texts of its rows take: they are moved where they are. */
const HEAP_GROWTH_BYTES_MAX = 60_000_000;
/** One a month of each end. */
const RUNS_OF_ONE_END = YEARS * 12;

describe('the retention of runs', () => {
  let bench: GenerationBench;
  let caller: Caller;
  let project: string;
  /** Now, before the clock was moved. */
  let start: number;
  beforeAll(async () => {
    bench = await GenerationBench.start();
    caller = await bench.chats.caller('pro');
    start = Date.now();
    project = String((await caller.post('/v1/projects', { name: 'Of years' })).body['id']);
    // Three years of runs, each with how its model did and one name.
    await bench.execute(
      `with made as (
         insert into ai_generations (id, user_id, project_id, business_idea, models_requested, models_completed, names_requested, status,
                                     prompt_version, credits_ucr, created_at, updated_at)
         select gen_random_uuid(), ?, ?, 'An idea of old', '["sandbox-echo"]', '[]', 10, status::generation_status, 1, 5, at, at
           from unnest(array['completed', 'failed', 'cancelled']) as status,
                generate_series(0, ?) as month, lateral (select ?::timestamptz - month * interval '30 days' - interval '1 hour' as at) t
         returning id, created_at
       ), did as (
         insert into ai_model_performance (id, ai_generation_id, model_name, response_time_ms, success_rate, created_at)
         select gen_random_uuid(), id, 'sandbox-echo', 10, 100, created_at from made
       )
       insert into name_suggestions (id, project_id, name, generation_session_id, created_at, updated_at)
       select gen_random_uuid(), ?, 'Old name', id, created_at, created_at from made`,
      [caller.userId, project, RUNS_OF_ONE_END - 1, new Date(start), project],
    );
  });
  afterAll(() => bench.close());

  const count = async (table: string, where = 'true') =>
    Number((await bench.execute(`select count(*) from ${table} where ${where}`))[0]!['count']);
  const run = (at: number) => bench.app.get(JobRegistry).runNow('generation-retention', new Date(at));
  const all = { limit: 200 };

  it('shows beforehand what it would do, and does that: failed ones go, others are archived, performance and names stay', async () => {
    const admin = await bench.admin();
    const reason = { reason: 'For a test' };
    const shown = await admin.post('/admin/generations/retention', reason);
    // Of 36 months: the first failed one is not yet 30 days old; twelve of each other end are within a year.
    const due = { orphans: 0, failedDeleted: RUNS_OF_ONE_END - 1, archived: 2 * (RUNS_OF_ONE_END - 13) };
    expect(shown.body).toEqual({ dryRun: true, ...due });
    expect(await count('ai_generations')).toBe(3 * RUNS_OF_ONE_END);
    expect((await admin.post('/admin/generations/retention?dryRun=false', reason)).body).toEqual({
      dryRun: false,
      ...due,
    });
    expect((await admin.post('/admin/generations/retention', reason)).body).toMatchObject({
      failedDeleted: 0,
      archived: 0,
    });
    expect(await count('ai_generations')).toBe(1 + 2 * 13);
    expect(await count('ai_generations_archive')).toBe(due.archived);
    expect(await count('ai_model_performance')).toBe(3 * RUNS_OF_ONE_END);
    expect(await count('ai_model_performance', 'ai_generation_id is null')).toBe(due.failedDeleted + due.archived);
    expect(await count('name_suggestions')).toBe(3 * RUNS_OF_ONE_END);
    expect(
      await bench.execute(`select reason, after from audit_trail where action = 'generation_retention.run'`),
    ).toEqual([{ reason: 'For a test', after: due }]);
    expect((await (await admin.as('support')).post('/admin/generations/retention', reason)).status).toBe(403);
  });

  it('leaves the archive to its owner', async () => {
    const { body } = await caller.get(`/v1/generations?isArchived=true&limit=${all.limit}`);
    const archived = body['data'] as { id: string }[];
    expect(archived).toHaveLength(2 * (RUNS_OF_ONE_END - 13));
    expect((await caller.get(`/v1/generations/${archived[0]!.id}`)).body).toMatchObject({
      businessIdea: 'An idea of old',
      isArchived: true,
      creditsCharged: '0.000005',
      models: [],
    });
    const other = await bench.chats.caller();
    expect((await other.get(`/v1/generations/${archived[0]!.id}`)).body).toMatchObject({
      code: 'generation_not_found',
    });
    expect((await other.get('/v1/generations?isArchived=true')).body['data']).toEqual([]);
    const names = await caller.get(`/v1/projects/${project}/suggestions?generationId=${archived[0]!.id}`);
    expect(names.body['data']).toHaveLength(1);
  });

  it('comes to the same in one step or in several, as time goes on', async () => {
    bench.chats.server.clock.advance(200 * DAY_MS);
    const first = await run(start + 200 * DAY_MS);
    expect(first).toMatchObject({ failedDeleted: 1 });
    const second = await run(start + 2 * 365 * DAY_MS);
    expect(Number(first['archived']) + Number(second['archived'])).toBe(2 * 13);
    expect(await count('ai_generations')).toBe(0);
    expect(await count('ai_generations_archive')).toBe(2 * RUNS_OF_ONE_END);
  });

  // Planted once: the rows are read before they are archived. The heap grew by 204 MB.
  it('goes through tens of thousands of ten years, year by year, and never has them in memory', async () => {
    const years = 10;
    const rows = 30_000;
    const end = start + 201 * DAY_MS;
    await bench.execute(
      `insert into ai_generations (id, user_id, project_id, business_idea, models_requested, models_completed, names_requested, status,
                                   prompt_version, credits_ucr, created_at, updated_at)
       select gen_random_uuid(), ?, ?, repeat('x', 4000), '["sandbox-echo"]', '[]', 10,
         (array['completed', 'failed', 'cancelled'])[1 + n % 3]::generation_status, 1, 5, at, at
         from generate_series(1, ?) n, lateral (select ?::timestamptz - n * ?::float8 * interval '1 day' as at) t`,
      [caller.userId, project, rows, new Date(end), (years * 365) / rows],
    );
    const archivedBefore = await count('ai_generations_archive');
    const heapBefore = process.memoryUsage().heapUsed;
    let grown = 0;
    const watching = setInterval(() => (grown = Math.max(grown, process.memoryUsage().heapUsed - heapBefore)), 5);
    const passed = { failedDeleted: 0, archived: 0 };
    for (let year = years - 1; year >= 0; year -= 1) {
      const { failedDeleted, archived } = await run(end - year * 365 * DAY_MS);
      passed.failedDeleted += Number(failedDeleted);
      passed.archived += Number(archived);
      expect(await count('ai_generations_archive')).toBe(archivedBefore + passed.archived);
    }
    clearInterval(watching);
    // What is left is of the last 30 days, or of the last year where it is archived.
    expect(passed.failedDeleted).toBeCloseTo((rows / 3) * (1 - 30 / (years * 365)), -1);
    expect(passed.archived).toBeCloseTo(((2 * rows) / 3) * (1 - 1 / years), -1);
    expect(await count('ai_generations')).toBe(rows - passed.failedDeleted - passed.archived);
    expect(grown).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
    await bench.execute('delete from ai_generations');
  });

  // Removed once: without the orphans a run whose worker and job are gone stayed under way for ever.
  it('ends a run that nobody will end, charged for what had answered', async () => {
    bench.mock.behave({ delayMs: 600_000 });
    const id = await bench.begin(caller, { models: ['sandbox-echo', CUT_OFF_MODEL], businessIdea: IDEA });
    for (let state = ''; state !== 'answered';)
      state = String(((await caller.get(`/v1/generations/${id}`)).body['models'] as { state: string }[])[0]?.state);
    const lost = '0197c000-0000-7000-8000-0000000000aa';
    await bench.execute(
      `insert into ai_generations (id, user_id, business_idea, models_requested, names_requested, prompt_version, created_at, updated_at)
       values (?, ?, 'x', '["sandbox-echo"]', 1, 1, ?, ?)`,
      [lost, caller.userId, new Date(start), new Date(start)],
    );
    const now = start + 202 * DAY_MS;
    expect(await run(now)).toMatchObject({ orphans: 2 });
    expect((await caller.get(`/v1/generations/${id}`)).body).toMatchObject({
      status: 'completed',
      modelsCompleted: ['sandbox-echo'],
      errorDetails: { [CUT_OFF_MODEL]: { code: 'run_abandoned' } },
    });
    expect((await caller.get(`/v1/generations/${lost}`)).status).toBe(404);
    expect(await caller.ledger()).toHaveLength(1);
    // Half a year went by: the periods of everybody are closed as the schedule would have done it.
    await bench.app.get(JobRegistry).runNow('close-periods', new Date(now));
    await bench.expectCleanBooks();
  });

  // Removed once each: the end of the failure with the run, and its retry; it stayed open until somebody dismissed it.
  it.each(['the next night', 'an operator'])('has a run that could not be ended tried again by %s', async (who) => {
    const now = start + 203 * DAY_MS;
    const lost = newId();
    await bench.execute(
      `insert into ai_generations (id, user_id, business_idea, models_requested, names_requested, prompt_version, created_at, updated_at)
       values (?, ?, 'x', '["sandbox-echo"]', 1, 1, ?, ?)`,
      [lost, caller.userId, new Date(start), new Date(start)],
    );
    const outcome = bench.app.get(GenerationOutcome);
    const finish = outcome.finish.bind(outcome);
    outcome.finish = () => Promise.reject(new Error('no bread'));
    expect(await run(now)).toMatchObject({ orphans: 0 });
    outcome.finish = finish;
    const admin = await bench.admin();
    const failures = async (state: string) =>
      (await admin.get(`/admin/job-failures?job=generation-retention&state=${state}`)).body['data'] as { id: string }[];
    const [failure] = await failures('open');
    expect(failure).toMatchObject({ entityId: lost, reason: 'no bread' });
    if (who === 'an operator')
      expect((await admin.post(`/admin/job-failures/${failure!.id}/retry`, {})).status).toBe(200);
    else expect(await run(now)).toMatchObject({ orphans: 1 });
    expect((await caller.get(`/v1/generations/${lost}`)).status).toBe(404);
    expect(await failures('open')).toEqual([]);
    expect(await failures('retried')).toContainEqual(expect.objectContaining({ id: failure!.id }));
  });
});
