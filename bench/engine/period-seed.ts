import type pg from 'pg';

/** Every subscription begins in this month, at moments that say nothing of the order in which their rows lie. */
export const FIRST_MONTH = '2026-01-01';
const ANCHOR_DAYS = 27;
const PRO_UCR = 2_000_000_000;

/**
 * Subscriptions of the plan pro in their first period, each with an allowance of which a part is left, a promotion that expires with the
 * period and a purchase. What they used is an operator's adjustment: a close does not ask why something is gone.
 */
export async function seedSubscriptions(client: pg.ClientBase, count: number): Promise<void> {
  for (const sql of [
    `create temporary table seeded as
      select uuidv7() as user_id, uuidv7() as subscription_id, uuidv7() as allowance_id, uuidv7() as promo_id, uuidv7() as purchase_id,
        date_trunc('second', timestamptz '${FIRST_MONTH}' + (hashint4(n)::bigint & 1048575) * interval '${ANCHOR_DAYS} days' / 1048576) as anchor,
        (hashint4(n + ${count})::bigint & 1023) * ${PRO_UCR} / 1024 as used, (hashint4(n + 2 * ${count})::bigint & 63) * 1000000 + 1000000 as promo
      from generate_series(1, ${count}) as n`,
    `insert into users (id, email, email_verified_at) select user_id, user_id || '@example.com', '${FIRST_MONTH}' from seeded`,
    `insert into subscriptions (id, user_id, tier, billing_anchor_at, current_period_start, current_period_end, created_at, updated_at)
      select subscription_id, user_id, 'pro', anchor, anchor, anchor + interval '1 month', anchor, anchor from seeded`,
    `insert into credits (user_id, id, subscription_id, grant_key, source, period_index, period_start, period_end, total_ucr, expired_ucr, priority,
        effective_at, expires_at, closed_at, created_at, updated_at)
      select user_id, allowance_id, subscription_id, 'allowance:' || subscription_id || ':0', 'subscription'::credit_source, 0, anchor,
        anchor + interval '1 month', ${PRO_UCR}, used, 30, anchor, anchor + interval '1 month', null::timestamptz, anchor, anchor from seeded
      union all
      select user_id, promo_id, null, 'promo', 'promo', null, null, null, promo, 0, 10, anchor, anchor + interval '1 month', null, anchor, anchor
      from seeded
      union all
      select user_id, purchase_id, null, 'purchase:' || user_id, 'purchase', null, null, null, ${PRO_UCR}, 0, 40, anchor, null, null, anchor, anchor
      from seeded`,
    `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
      select user_id, gen_random_uuid(), id, 'grant'::posting_kind, total_ucr, created_at from credits
      union all
      select user_id, gen_random_uuid(), id, 'adjustment', -expired_ucr, created_at from credits where expired_ucr > 0`,
    `insert into credit_accounts (user_id, balance_ucr, next_due_at, minute_at, day_at, month_at, created_at, updated_at)
      select user_id, ${2 * PRO_UCR} - used + promo, anchor + interval '1 month', '${FIRST_MONTH}', '${FIRST_MONTH}', '${FIRST_MONTH}', anchor, anchor
      from seeded`,
    'drop table seeded',
    'vacuum analyze users, subscriptions, credits, credit_postings, credit_accounts',
  ]) {
    await client.query(sql);
  }
}

/** The tables that a close writes, those that it writes twice, twice, and which rows it wrote. */
const COPIES: readonly [copy: string, table: string, written: string][] = [
  ['bare_closes', 'period_closes', 'closed_at = $1'],
  ['bare_credits', 'credits', 'updated_at = $1'],
  ['bare_postings', 'credit_postings', `created_at = $1 or (kind = 'expiry' and created_at > $2)`],
  ['bare_accounts', 'credit_accounts', 'updated_at = $1'],
  ['bare_expired_accounts', 'credit_accounts', 'updated_at = $1'],
  ['bare_subscriptions', 'subscriptions', 'updated_at = $1'],
];

/**
 * Copies of them as they are, with the same columns, checks, rows and indexes; only that no index is unique, because a new version of a row
 * is written beside the old one, as an update does it.
 */
export async function makeCopies(client: pg.ClientBase): Promise<void> {
  const columns = await columnsOf(client);
  for (const [copy, table] of COPIES) {
    await client.query(`drop table if exists ${copy}`);
    await client.query(
      `create table ${copy} (like ${table} including defaults including generated including constraints including storage)`,
    );
    const names = columns.get(table)!;
    await client.query(`insert into ${copy} (${names}) select ${names} from ${table}`);
    const { rows } = await client.query<{ definition: string }>(
      `select regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (UNIQUE )?INDEX .* ON (ONLY )?\\S+ USING', 'create index on ${copy} using')
         as definition from pg_index where indrelid = $1::regclass`,
      [table],
    );
    for (const { definition } of rows) await client.query(definition);
    await client.query(`analyze ${copy}`);
  }
}

/**
 * Writes again, by `INSERT … SELECT` alone, every row that the closes at `now` wrote, new versions of old rows included.
 * @returns how many rows these are, and how long it took until they were on the disk.
 */
export async function writeBare(
  client: pg.ClientBase,
  { now, before }: { now: Date; before: Date },
): Promise<{ rows: number; seconds: number }> {
  const columns = await columnsOf(client);
  const began = performance.now();
  await client.query('begin');
  let rows = 0;
  for (const [copy, table, written] of COPIES) {
    const names = columns.get(table)!;
    const { rowCount } = await client.query(
      `insert into ${copy} (${names}) select ${names} from ${table} where ${written}`,
      written.includes('$2') ? [now, before] : [now],
    );
    rows += rowCount ?? 0;
  }
  await client.query('commit');
  return { rows, seconds: (performance.now() - began) / 1_000 };
}

/** Of every table, what may be written: a generated column is computed again. */
async function columnsOf(client: pg.ClientBase): Promise<Map<string, string>> {
  const { rows } = await client.query<{ table_name: string; names: string }>(
    `select table_name, string_agg(column_name, ', ' order by ordinal_position) as names from information_schema.columns
     where table_schema = 'public' and is_generated = 'NEVER' group by table_name`,
  );
  return new Map(rows.map(({ table_name: name, names }) => [name, names]));
}
