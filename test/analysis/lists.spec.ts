import type { Analysis } from '../../src/analysis/analysis.entity.js';
import { Analyses } from '../../src/analysis/requests/analyses.service.js';
import { AnalysesQuery } from '../../src/analysis/requests/analysis.dto.js';
import { AdminAnalysesQuery } from '../../src/analysis/reports/analysis-admin.dto.js';
import { AnalysisRecords } from '../../src/analysis/reports/analysis-records.service.js';
import { PersonalDataRegistry } from '../../src/common/personal-data.js';
import { type Caller, ChatBench } from '../inference/chat-bench.js';

const PAGE = 200;
/** A tenth of the texts of a page. */
const GROWTH_BYTES_MAX = 20_000_000;

describe('lists of analyses', () => {
  let bench: ChatBench;
  let caller: Caller;
  beforeAll(async () => {
    bench = await ChatBench.start();
    caller = await bench.caller('pro');
    await bench.server.orm.em.fork().execute(
      `insert into ai_analyses (id, user_id, subject_id, kind, priority, status, input, analysis_version, service_tier, queued_at, turn_at,
         created_at, updated_at)
       select uuidv7(), ?, 's', 'sentiment', 0, 'dead', jsonb_build_object('text', repeat('é€', 250000)), 1, 'free', now(), now(), now(), now()
         from generate_series(1, ?)`,
      [caller.userId, PAGE],
    );
  });
  afterAll(() => bench.close());

  // Removed once: what their rows are read without. One page was half a gigabyte.
  it.each(['user', 'operator', 'dead letters'])('are read without their texts, for %s', async (whose) => {
    const { app } = bench.server;
    const records = app.get(AnalysisRecords);
    const query = { limit: PAGE };
    const before = process.memoryUsage().heapUsed;
    let grown = 0;
    const watching = setInterval(() => (grown = Math.max(grown, process.memoryUsage().heapUsed - before)), 5);
    const page = {
      user: () => app.get(Analyses).page(caller.userId, Object.assign(new AnalysesQuery(), query)),
      operator: () => records.analyses(Object.assign(new AdminAnalysesQuery(), query)),
      'dead letters': () => records.deadLetters(query),
    }[whose]!;
    const { rows } = await page();
    clearInterval(watching);
    expect(rows).toHaveLength(PAGE);
    expect(rows.filter((row) => Boolean((row as Partial<Analysis>).input))).toEqual([]);
    expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
  });

  it('say of each what there is to say', async () => {
    const { status, body } = await caller.get('/v1/analyses?limit=1');
    expect([status, body]).toMatchObject([200, { data: [{ subject: 's', kind: 'sentiment', status: 'dead' }] }]);
  });

  // Removed once: the size of a page of theirs; it was that of all tables, and half a gigabyte here.
  it('are exported a few at a time', async () => {
    const sections = bench.server.app.get(PersonalDataRegistry).list();
    const { export: exported } = sections.find(({ name }) => name === 'analyses')!;
    let rows = 0;
    for await (const row of exported(caller.userId)) {
      expect((row as Analysis).input.text).toHaveLength(500_000);
      // What is read by now is all that there is.
      if (rows === 0) await caller.query('delete from ai_analyses where user_id = ?');
      rows += 1;
    }
    expect(rows).toBe(10);
  });
});
