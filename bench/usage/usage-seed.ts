import type pg from 'pg';
import { seedSubscriptions } from '../engine/period-seed.js';

/** Rows of one statement: its progress is shown after each. */
const CHUNK_ROWS = 250_000;

export interface LedgerSize {
  rows: number;
  users: number;
  /** How far back from now the calls lie. */
  days: number;
}

/**
 * Users with a subscription, and calls of theirs: a few make most of them, as the third power of a random number does it. Written by the
 * server from its own random numbers, which is faster than a COPY of the same rows. There are no postings, so the books of credits are not
 * what is measured here.
 */
export async function seedLedger(client: pg.Client, size: LedgerSize, say: (text: string) => void): Promise<void> {
  await seedSubscriptions(client, size.users);
  say(`${size.users} users`);
  await client.query('create table bench_users as select row_number() over (order by id) as n, id from users');
  await client.query('alter table bench_users add primary key (n)');
  await client.query(
    `create table bench_models as
     select row_number() over (order by id) - 1 as n, id, provider from models where meta->'capabilities' ? 'text'`,
  );
  // Millions of look-ups of the same few keys: the rows are made from the tables that the keys point to.
  await client.query(`set session_replication_role = replica`);
  for (let written = 0; written < size.rows; written += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, size.rows - written);
    await client.query(CALLS_SQL, [count, size.days]);
    say(`${written + count} of ${size.rows} calls`);
  }
  await client.query(`set session_replication_role = origin`);
  await client.query('drop table bench_users, bench_models');
  await client.query('vacuum analyze token_usage_ledger');
}

/** `$1` calls within the last `$2` days. */
const CALLS_SQL = `
  with made as materialized (
    select uuidv7() as id, 1 + floor((select count(*) from bench_users) * power(random(), 3))::bigint as user_n,
      floor((select count(*) from bench_models) * power(random(), 2))::bigint as model_n,
      now() - random() * $2::integer * interval '1 day' as created_at, random(50, 4000) as input, random(1, 1200) as output,
      case when random() < 0.05 then random(1, 4) else 0 end as images, random(80, 9000) as latency, random() as luck
    from generate_series(1, $1::integer)
  )
  insert into token_usage_ledger (user_id, created_at, id, request_id, hold_id, model_id, model_version_no, provider, operation, input_tokens,
    cached_input_tokens, output_tokens, image_count, image_tokens, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, first_token_ms, metadata)
  select u.id, m.created_at, m.id, m.id, m.id, o.id, 1, o.provider, 'chat', m.input, m.input / 4, m.output, m.images, m.images * 765,
    (m.input + m.output) * 1000, m.input * 1250 + m.output * 10000, 'provider',
    case when m.luck < 0.01 then 'provider_error' when m.luck < 0.02 then 'client_aborted' else 'completed' end::usage_outcome,
    m.latency, m.latency / 3, '{"tier": "pro", "holdMs": 4}'
  from made m join bench_users u on u.n = m.user_n join bench_models o on o.n = m.model_n`;
