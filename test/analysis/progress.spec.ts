import { AnalysisProgress } from '../../src/analysis/analysis-progress.service.js';
import { Analysis } from '../../src/analysis/analysis.entity.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';

const STARTED = { name: 'started', data: { attempt: 1 } };

/** Many jobs of a process change their rows in one statement: each is changed, or not, as if it were alone. */
describe('analyses that are changed together', () => {
  let server: TestApp;
  let progress: AnalysisProgress;
  let userId: string;

  beforeAll(async () => {
    server = await startTestApp();
    progress = server.app.get(AnalysisProgress);
    userId = await ensureUser(server.app, { email: 'together@example.com' });
  });
  afterAll(() => server.close());

  const query = <Row extends object>(sql: string, values: unknown[]): Promise<Row[]> =>
    server.orm.em.fork().execute<Row[]>(sql, values);

  async function queued(count: number): Promise<Analysis[]> {
    const rows = await query<{ id: string }>(
      `insert into ai_analyses (id, user_id, subject_id, kind, priority, input, analysis_version, service_tier, queued_at, turn_at, created_at, updated_at)
       select uuidv7(), ?, 'together', 'sentiment', 0, '{"text": "A good day."}', 1, 'free', now(), now(), now(), now() from generate_series(1, ?::integer)
       returning id`,
      [userId, count],
    );
    const found = await Promise.all(rows.map(({ id }) => progress.find(id)));
    return found.map((analysis) => analysis!);
  }

  const claimAll = (seen: readonly Analysis[]) =>
    Promise.all(seen.map((one) => progress.claim(one, { set: { status: 'processing' }, event: STARTED })));

  // Removed once: `a.attempts = c.attempts` in changeAnalyses. The second claim of a row then took it too.
  it('leave out the one that somebody else took meanwhile, and tell nothing of it', async () => {
    const seen = await queued(5);
    const lost = seen[2]!;
    await query('update ai_analyses set attempts = 7 where id = ?', [lost.id]);

    const claimed = await claimAll(seen);

    expect(claimed.map((row) => row?.id ?? null)).toEqual(seen.map(({ id }) => (id === lost.id ? null : id)));
    expect(
      claimed.filter((row) => row !== null).every((row) => row.status === 'processing' && row.attempts === 1),
    ).toBe(true);
    const told = await query<{ entity_id: string; data: object }>(
      'select entity_id, data from entity_events where entity_id in (?) order by entity_id',
      [seen.map(({ id }) => id)],
    );
    expect(told.map(({ entity_id: id }) => id)).toEqual(
      seen.flatMap(({ id }) => (id === lost.id ? [] : [id])).toSorted(),
    );
    expect(told.every(({ data }) => JSON.stringify(data) === '{"attempt":1}')).toBe(true);
  });

  it('are each claimed once by two who saw the same', async () => {
    const seen = await queued(3);
    const [first, second] = await Promise.all([claimAll(seen), claimAll(seen)]);
    expect([...first, ...second].filter((row) => row !== null)).toHaveLength(seen.length);
  });

  it('keep their neighbours’ changes when one cannot be written', async () => {
    const [good, bad] = (await queued(2)) as [Analysis, Analysis];
    const at = new Date('2026-11-30T00:00:00.123Z');
    const [kept, refused] = await Promise.allSettled([
      progress.change(good, {
        set: {
          creditsUcr: 9_007_199_254_740_993n,
          fallbackConfidence: 0.125,
          completedAt: at,
          result: { themes: ['a'] },
        },
      }),
      progress.change(bad, { set: { creditsUcr: -1n, fallbackConfidence: null, completedAt: at, result: null } }),
    ]);
    expect(kept).toEqual({ status: 'fulfilled', value: true });
    expect(refused.status).toBe('rejected');
    expect(await progress.find(good.id)).toMatchObject({
      creditsUcr: 9_007_199_254_740_993n,
      fallbackConfidence: 0.125,
      completedAt: at,
      result: { themes: ['a'] },
    });
    expect(await progress.find(bad.id)).toMatchObject({ creditsUcr: 0n });
  });
});
