import type pg from 'pg';

/** 1 µcr per input token and nothing else, so that a charge is chosen by its tokens. */
export const UNIT_MODEL = 'unit-price';
const UNIT_META = JSON.stringify({
  displayName: 'Unit price',
  description: 'One µcr per input token',
  version: '1',
  capabilities: ['text'],
  contextLength: 1_000_000,
  maxOutputTokens: 1_000,
  inputCostPerMillionTokens: 0,
  outputCostPerMillionTokens: 0,
  creditsPer1kTokens: 0,
  creditRates: { input: 0.001, output: 0 },
});

/** What no run of the benchmark can use up. */
const GRANT_UCR = 1_000_000_000_000;

export interface BenchAccount {
  userId: string;
  accessId: string;
}

/** Accounts with four open grants and a closed one each, and a sign-in that may use them. */
export async function seedAccounts(client: pg.ClientBase, count: number): Promise<BenchAccount[]> {
  await client.query('insert into models (id, name, provider, meta) values ($1, $1, $2, $3)', [
    UNIT_MODEL,
    'sandbox',
    UNIT_META,
  ]);
  await client.query(
    `insert into model_versions (model_id, version_no, meta, change_reason) values ($1, 1, $2, 'bench')`,
    [UNIT_MODEL, UNIT_META],
  );
  await client.query(
    `create temporary table seeded as select uuidv7() as user_id, gen_random_uuid() as access_id from generate_series(1, ${count})`,
  );
  await client.query(`
    insert into users (id, email, email_verified_at) select user_id, user_id || '@example.com', '2026-01-01' from seeded`);
  await client.query(`
    insert into oauth_clients (id, client_id, client_name, client_type, grant_types, scopes)
    values (gen_random_uuid(), 'bench', 'Bench', 'public', '{}', '{}')`);
  await client.query(`
    insert into auth_grants (id, user_id, client_id, scopes, expires_at) select access_id, user_id, 'bench', '{}', '2100-01-01' from seeded`);
  await client.query(`
    insert into credit_accounts (user_id, balance_ucr, minute_at, day_at, month_at, created_at, updated_at)
    select user_id, ${4 * GRANT_UCR}, '2026-01-01', '2026-01-01', '2026-01-01', '2026-01-01', '2026-01-01' from seeded`);
  await client.query(`
    insert into credits (user_id, id, grant_key, source, total_ucr, expired_ucr, priority, effective_at, expires_at, closed_at, created_at, updated_at)
    select user_id, uuidv7(), 'bench:' || n, 'promo', ${GRANT_UCR}, case when n = 0 then ${GRANT_UCR} else 0 end, 10 * greatest(n, 1),
      '2026-01-01', timestamptz '2098-01-01' + n * interval '1 month', case when n = 0 then timestamptz '2026-02-01' end, '2026-01-01', '2026-01-01'
    from seeded cross join generate_series(0, 4) as n`);
  await client.query(`
    insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
    select user_id, gen_random_uuid(), id, 'grant'::posting_kind, total_ucr, created_at from credits
    union all
    select user_id, gen_random_uuid(), id, 'expiry', -expired_ucr, closed_at from credits where expired_ucr > 0`);
  const { rows } = await client.query<{ user_id: string; access_id: string }>('select user_id, access_id from seeded');
  await client.query('drop table seeded');
  await client.query('vacuum analyze users, auth_grants, credit_accounts, credits, credit_postings');
  return rows.map((row) => ({ userId: row.user_id, accessId: row.access_id }));
}
