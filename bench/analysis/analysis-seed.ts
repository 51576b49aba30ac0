import type pg from 'pg';
import { newId } from '../../src/common/ids.js';

/** Rows of one statement: its progress is shown after each. */
const CHUNK_ROWS = 100_000;
const USERS_PER_ROW = 1 / 50;

export interface AnalysesSize {
  rows: number;
  /** How far back from now they lie. */
  days: number;
}

/**
 * Analyses that have ended, oldest first, a few users having most of them and `heavyUserId` the most of all; and how some got over trouble.
 * Written by the server from its own random numbers; indexes are made when all rows are there.
 */
export async function seedAnalyses(
  client: pg.Client,
  heavyUserId: string,
  { rows, days }: AnalysesSize,
  say: (text: string) => void,
): Promise<void> {
  const users = Math.ceil(rows * USERS_PER_ROW);
  await client.query(
    `insert into users (id, email, email_verified_at) select uuidv7(), 'seeded-' || n || '@example.com', now() from generate_series(1, $1) n`,
    [users],
  );
  await client.query(
    `create table bench_users as select row_number() over (order by id <> '${heavyUserId}', id) as n, id from users`,
  );
  await client.query('alter table bench_users add primary key (n)');
  await client.query('set session_replication_role = replica');
  const indexes = await dropIndexes(client);
  for (let written = 0; written < rows; written += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rows - written);
    await client.query(ANALYSES_SQL, [count, days, rows, written]);
    say(`${written + count} of ${rows} analyses`);
  }
  for (const sql of TROUBLE_SQL) await client.query(sql);
  for (const definition of indexes) await client.query(definition);
  say(`${indexes.length} indexes`);
  await client.query('set session_replication_role = origin');
  await client.query('drop table bench_users');
  await client.query('vacuum analyze ai_analyses, fallback_comparisons, recovery_workflows, users');
}

/** What makes them again. */
async function dropIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
     where indrelid = 'ai_analyses'::regclass and not indisprimary`,
  );
  for (const { name } of rows) await client.query(`drop index ${name}`);
  return rows.map(({ definition }) => definition);
}

/** Rows `$4` to `$4 + $1` of `$3` over the last `$2` days: their ids tell when they were made, as this server's do. */
const ANALYSES_SQL = `
  with made as materialized (
    select now() - $2::integer * interval '1 day' * (1 - (n + $4::integer)::float8 / $3::integer) as at,
      1 + floor((select count(*) from bench_users) * power(random(), 3))::bigint as user_n,
      (array['sentiment', 'summary', 'classification'])[1 + floor(3 * power(random(), 2))::integer] as kind,
      (array['gpt-5-nano', 'gpt-5-mini', 'gpt-5', 'sandbox-echo'])[1 + floor(4 * power(random(), 2))::integer] as model,
      random(100, 3000) as request_tokens, random(20, 400) as response_tokens, random(5, 60000) as wait, random(300, 20000) as processing,
      random() as luck
    from generate_series(1, $1::integer) n
  )
  insert into ai_analyses (id, user_id, subject_id, kind, priority, status, input, result, analysis_version, model_type, model_version, service_tier,
    request_tokens, response_tokens, tokens_used, api_cost_nusd, credits_ucr, queued_at, processing_started_at, completed_at, queue_position,
    queue_wait_ms, processing_ms, response_ms, total_ms, attempts, circuit_breaker_state, last_error_type, fallback_used, fallback_confidence,
    upgraded_from_fallback, model_id, model_version_no, turn_at, created_by, created_at, updated_at)
  select uuidv7(at - clock_timestamp()), u.id, 'entry-' || random(1, 100), kind, random(0, 9),
    (case when luck < 0.001 then 'dead' when luck < 0.01 then 'failed' when luck < 0.02 then 'cancelled' else 'completed' end)::analysis_status,
    '{"text": "A good day at work. I am proud of what we made, and of how we came to it."}', '{"sentiment": "positive", "score": 0.8, "themes": ["work"]}',
    1, model, model, (array['free', 'pro', 'pro_max'])[1 + floor(3 * random())::integer]::subscription_tier, request_tokens, response_tokens,
    request_tokens + response_tokens, request_tokens * 1250 + response_tokens * 10000, (request_tokens + response_tokens) * 1000, at,
    at + wait * interval '1 millisecond', at + (wait + processing) * interval '1 millisecond', random(1, 50), wait, processing, processing, wait + processing,
    1, 'closed', case when luck < 0.04 then 'provider_unavailable' end, luck between 0.02 and 0.04,
    case when luck between 0.02 and 0.04 then 0.5 end, luck between 0.02 and 0.035, model, 1, at, u.id, at, at
  from made join bench_users u on u.n = user_n`;

/** An agreement of each upgrade, and a way out of each trouble. */
const TROUBLE_SQL = [
  `insert into fallback_comparisons (id, analysis_id, model_result, fallback_result, agreement, created_at)
   select uuidv7(completed_at - clock_timestamp()), id, result, result, round(random()::numeric, 3), completed_at
   from ai_analyses where upgraded_from_fallback`,
  `insert into recovery_workflows (id, analysis_id, state, steps, started_at, finished_at, created_at, updated_at)
   select uuidv7(completed_at - clock_timestamp()), id, 'recovered', '[{"step": "retry", "at": "2026-01-01T00:00:00Z", "detail": {}}]', queued_at,
     completed_at, completed_at, completed_at from ai_analyses where fallback_used`,
];

/** Some analysis of the user, to be read by itself. */
export async function someAnalysisOf(client: pg.Client, userId: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>('select id from ai_analyses where user_id = $1 limit 1', [
    userId,
  ]);
  return rows[0]?.id ?? newId();
}
