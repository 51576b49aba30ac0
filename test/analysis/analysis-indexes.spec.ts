import pg from 'pg';
import { newId } from '../../src/common/ids.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const ROWS = 20_000;
const USERS = 50;

/** What a dashboard asks, and the index that answers it. */
const QUESTIONS: [index: string, question: string][] = [
  ['idx_ai_analyses_subject_id', `select * from ai_analyses where subject_id = 'entry-77'`],
  ['idx_ai_analyses_user_id', `select count(*) from ai_analyses where user_id = $1`],
  ['idx_ai_analyses_user_created', `select * from ai_analyses where user_id = $1 order by created_at desc limit 20`],
  ['idx_ai_analyses_status', `select count(*) from ai_analyses where status = 'dead'`],
  ['idx_ai_analyses_priority_queued', `select * from ai_analyses where priority = 9 order by queued_at limit 20`],
  ['idx_ai_analyses_model_type', `select count(*) from ai_analyses where model_type = 'rare-model'`],
  ['idx_ai_analyses_cost_created', `select * from ai_analyses order by api_cost_nusd desc, created_at desc limit 20`],
  [
    'idx_ai_analyses_user_model_created',
    `select * from ai_analyses where user_id = $1 and model_type = 'gpt-5-mini' order by created_at desc limit 5`,
  ],
  ['idx_ai_analyses_processing_ms', `select * from ai_analyses order by processing_ms desc limit 20`],
  ['idx_ai_analyses_tokens_used', `select * from ai_analyses where tokens_used >= 19990`],
];

describe('the indexes of analyses', () => {
  let database: TestDatabase;
  let client: pg.Client;
  const users = Array.from({ length: USERS }, newId);

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(
      `insert into users (id, email, created_at, updated_at) select id, id || '@example.com', now(), now() from unnest($1::uuid[]) as id`,
      [users],
    );
    await client.query(
      `insert into ai_analyses (id, user_id, subject_id, kind, priority, status, input, analysis_version, model_type, service_tier, tokens_used,
         api_cost_nusd, queued_at, processing_ms, turn_at, created_at, updated_at)
       select uuidv7(), ($1::uuid[])[1 + n % ${USERS}], 'entry-' || n, 'sentiment', case when n % 100 = 0 then 9 else 0 end,
         case when n % 1000 = 0 then 'dead' else 'completed' end::analysis_status, '{"text": "x"}', 1,
         case when n % 2000 = 0 then 'rare-model' when n / 50 % 10 = 0 then 'gpt-5-mini' else 'gpt-5-nano' end, 'pro', n, n, t.at, n, t.at, t.at, t.at
       from generate_series(1, ${ROWS}) as n, lateral (select now() - n * interval '1 minute' as at) t`,
      [users],
    );
    await client.query('analyze ai_analyses');
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it.each(QUESTIONS)('%s serves a dashboard', async (index, question) => {
    // What an index of more columns also serves is asked of the one with fewer where that one is alone.
    const isPrefixOnly = index === 'idx_ai_analyses_user_id';
    await client.query('begin');
    if (isPrefixOnly) {
      await client.query('drop index idx_ai_analyses_user_created, idx_ai_analyses_user_model_created');
    }
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain ${question}`,
      question.includes('$1') ? [users[7]] : [],
    );
    await client.query('rollback');
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain(index);
    expect(plan).not.toContain('Seq Scan');
  });
});
