import pg from 'pg';
import { hoursPage, usageReport } from '../../src/monitoring/api-usage/api-usage.queries.js';
import { performanceReport } from '../../src/monitoring/performance/performance.queries.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const ROWS = 40_000;
const USER = '0197c000-0000-7000-8000-0000000000aa';
const range = { from: new Date('2026-11-20T00:00:00Z'), to: new Date('2026-11-22T00:00:00Z') };
const BETWEEN = `created_at >= '2026-11-20' and created_at < '2026-11-22'`;
const NEWEST = 'order by created_at desc, id desc limit 51';

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Relation Name'?: string;
  Plans?: PlanNode[];
}

describe('the indexes of the tables of monitoring', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    // Spread over two months, so that a plan that reads the other one is seen.
    const at = `timestamptz '2026-11-01' + i * interval '2 minutes'`;
    await client.query(`insert into users (id, email) values ('${USER}', 'plans@example.com')`);
    await client.query(
      `insert into users (id, email) select gen_random_uuid(), 'user-' || i from generate_series(1, 400) i`,
    );
    await client.query(`
      insert into system_logs (id, level, message, service, metadata, user_id, session_id, created_at)
      select gen_random_uuid(), (case when i % 500 = 0 then 'error' else 'info' end)::system_log_level, 'filler',
             case when i % 500 = 1 then 'Rare' else 'Common' end, jsonb_build_object('requestId', 'request-' || i),
             case when i % 500 = 2 then '${USER}'::uuid end, case when i % 500 = 3 then 'rare' end, ${at}
        from generate_series(1, ${ROWS}) i`);
    await client.query(`
      insert into audit_trail (id, action, entity, entity_id, actor_id, request_id, created_at)
      select gen_random_uuid(), case when i % 500 = 0 then 'rare' else 'common' end, 'thing', i::text, case when i % 500 = 1 then '${USER}'::uuid end,
             gen_random_uuid(), ${at} from generate_series(1, ${ROWS}) i`);
    await client.query(`
      insert into performance_metrics (id, name, value, unit, created_at)
      select gen_random_uuid(), case when i % 20 = 0 then 'cpu' else 'memory' end, i, 'ratio', ${at} from generate_series(1, ${ROWS}) i`);
    await client.query(`
      insert into api_usage (id, service, endpoint, method, user_id, time_window, request_count, error_count, cost_nusd, created_at, updated_at)
      select gen_random_uuid(), case when i % 50 = 0 then 'admin' else 'api' end, '/v1/route-' || i % 700, 'GET', u.ids[1 + i % 401],
             date_trunc('hour', ${at}), 10, i % 10, i, now(), now()
        from generate_series(1, ${ROWS}) i, (select array_agg(id) as ids from users) u`);
    await client.query('vacuum analyze system_logs, audit_trail, performance_metrics, api_usage');
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  /** The indexes and the tables read from end to end of a plan; an index of a partition by the name of its parent's. */
  async function read({ sql, parameters }: { sql: string; parameters: unknown[] }): Promise<string[]> {
    let count = 0;
    const text = sql.replaceAll('?', () => `$${(count += 1)}`);
    const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
      `explain (format json) ${text}`,
      parameters,
    );
    const used = new Set<string>();
    const visit = (node: PlanNode): void => {
      if (node['Index Name']) used.add(node['Index Name']);
      else if (node['Node Type'] === 'Seq Scan') used.add(`all of ${node['Relation Name']}`);
      node.Plans?.forEach(visit);
    };
    visit(rows[0]!['QUERY PLAN'][0]!.Plan);
    const { rows: parents } = await client.query<{ child: string; parent: string }>(
      'select inhrelid::regclass::text as child, inhparent::regclass::text as parent from pg_inherits where inhrelid::regclass::text = any($1)',
      [[...used]],
    );
    return [...used].map((name) => parents.find(({ child }) => child === name)?.parent ?? name);
  }

  const list = (table: string, condition: string) => ({
    sql: `select * from ${table} where ${BETWEEN} and ${condition} ${NEWEST}`,
    parameters: [] as unknown[],
  });

  it.each([
    ['idx_system_logs_level_created', list('system_logs', `level = 'error'`)],
    ['idx_system_logs_service_created', list('system_logs', `service = 'Rare'`)],
    ['idx_system_logs_user_created', list('system_logs', `user_id = '${USER}'`)],
    ['idx_system_logs_session_created', list('system_logs', `session_id = 'rare'`)],
    ['idx_system_logs_request', list('system_logs', `metadata->>'requestId' = 'request-14000'`)],
    ['system_logs_pkey', list('system_logs', 'true')],
    ['idx_audit_trail_action_created', list('audit_trail', `action = 'rare'`)],
    ['idx_audit_trail_actor_created', list('audit_trail', `actor_id = '${USER}'`)],
    ['idx_audit_trail_entity', list('audit_trail', `entity = 'thing' and entity_id = '14000'`)],
    ['idx_audit_trail_request', list('audit_trail', `request_id = '${USER}'`)],
    ['audit_trail_pkey', list('audit_trail', 'true')],
    ['idx_performance_metrics_name_created', performanceReport({ range, name: 'cpu', interval: 'hour' })],
    ['idx_api_usage_window', hoursPage({ range }, { sort: 'hour', after: null, limit: 51 })],
    [
      'idx_api_usage_cost',
      hoursPage({ range: { ...range, from: new Date('2026-11-01') } }, { sort: 'cost', after: null, limit: 51 }),
    ],
    [
      'idx_api_usage_error_rate',
      hoursPage({ range: { ...range, from: new Date('2026-11-01') } }, { sort: 'errorRate', after: null, limit: 51 }),
    ],
    ['idx_api_usage_service_window', usageReport({ range, service: 'admin' }, 'endpoint')],
    ['idx_api_usage_user_service_window', usageReport({ range, service: 'api', userId: USER }, 'hour')],
  ])('%s serves its question, and nothing is read from end to end', async (index, question) => {
    expect(await read(question)).toEqual([index]);
  });
});
