import { JobRegistry } from '../../src/jobs/job-registry.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

const PARENTS = ['audit_trail', 'credit_postings', 'token_usage_ledger'];

describe('the months of partitioned tables', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp();
  });
  afterAll(() => server.close());

  const run = (now: string) => server.app.get(JobRegistry).runNow('partitions', new Date(now));
  const query = <Row>(sql: string): Promise<Row[]> => server.orm.em.getConnection().execute<Row[]>(sql);
  const partitions = async (like: string): Promise<string[]> =>
    (
      await query<{ name: string }>(
        `select inhrelid::regclass::text as name from pg_inherits where inhrelid::regclass::text like '%${like}' order by 1`,
      )
    ).map(({ name }) => name);

  it('are made three ahead for every one of them, with what keeps them from being truncated', async () => {
    expect(await run('2028-01-31T23:59:59Z')).toMatchObject({ made: expect.any(Number), failed: 0 });
    for (const month of ['2028_01', '2028_04'])
      expect(await partitions(month)).toEqual(expect.arrayContaining(PARENTS.map((parent) => `${parent}_${month}`)));
    expect(await partitions('2028_05')).toEqual([]);
    await expect(query('truncate credit_postings_2028_04')).rejects.toThrow();
    expect(await run('2028-01-31T23:59:59Z')).toEqual({ made: 0, failed: 0 });
  });

  it('that cannot be made are told, and made once the way is free', async () => {
    await query(`insert into audit_trail (id, action, entity, entity_id, created_at)
      values ('0197c000-0000-7000-8000-000000000001', 'test', 'test', 'test', '2030-02-01')`);
    expect(await run('2030-01-15T00:00:00Z')).toMatchObject({ failed: 1 });
    const [failure] = await query<{ entity_id: string; reason: string; state: string }>(
      `select entity_id, reason, state from job_failures where job = 'partitions'`,
    );
    expect(failure).toMatchObject({ entity_id: 'audit_trail_2030_02', state: 'open' });
    expect(failure!.reason).toMatch(/^The partition audit_trail_2030_02 is missing\..*default/);
    expect(await partitions('token_usage_ledger_2030_02')).toHaveLength(1);
    await query('alter table audit_trail disable trigger audit_trail_append_only');
    await query('delete from audit_trail');
    await query('alter table audit_trail enable trigger audit_trail_append_only');
    expect(await run('2030-01-15T00:00:00Z')).toEqual({ made: 1, failed: 0 });
    expect(await query(`select from job_failures where job = 'partitions' and state = 'open'`)).toEqual([]);
  });
});
