import pg from 'pg';
import { newId } from '../../src/common/ids.js';
import { member, MoneyDatabase, NOW, settlement } from './money-database.js';

/** What happens to a row when the one it refers to is deleted. */
const DELETE_RULES: Readonly<Record<string, string>> = {
  'subscriptions.user_id → users': 'CASCADE',
  'subscription_changes.user_id → users': 'CASCADE',
  'subscription_changes.subscription_id → subscriptions': 'CASCADE',
  'subscription_changes.requested_by → users': 'SET NULL',
  'subscription_events.subscription_id → subscriptions': 'CASCADE',
  'subscription_events.actor_id → users': 'SET NULL',
  'credit_accounts.user_id → users': 'CASCADE',
  'credits.user_id → users': 'CASCADE',
  'credits.subscription_id → subscriptions': 'SET NULL',
  'credits.granted_by → users': 'SET NULL',
  'credit_postings.actor_id → users': 'RESTRICT',
  'credit_reversals.user_id → users': 'RESTRICT',
  'period_closes.user_id → users': 'RESTRICT',
  'period_closes.subscription_id → subscriptions': 'RESTRICT',
  'idempotency_keys.user_id → users': 'CASCADE',
  'usage_hourly.user_id → users': 'CASCADE',
  'usage_hourly.model_id → models': 'RESTRICT',
  'usage_totals.model_id → models': 'RESTRICT',
  'budget_alerts.budget_id → budgets': 'CASCADE',
};
const TABLES = [...new Set(Object.keys(DELETE_RULES).map((key) => key.split('.')[0] ?? ''))];

describe('the schema of the money', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
  });

  afterAll(() => money.close());

  it('has exactly these foreign keys, with these delete rules', async () => {
    const rows = await money.query<{ key: string; rule: string }>(
      `select format('%s.%s → %s', c.conrelid::regclass, a.attname, c.confrelid::regclass) as key,
         case c.confdeltype when 'c' then 'CASCADE' when 'r' then 'RESTRICT' when 'n' then 'SET NULL' else c.confdeltype::text end as rule
       from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
       where c.contype = 'f' and c.conparentid = 0 and c.conrelid::regclass::text = any(?)`,
      [`{${TABLES.join(',')}}`],
    );
    expect(Object.fromEntries(rows.map(({ key, rule }) => [key, rule]))).toEqual(DELETE_RULES);
  });

  it('has an index that begins with each foreign key', async () => {
    const rows = await money.query(
      `select c.conname from pg_constraint c
       where c.contype = 'f' and c.conparentid = 0 and c.conrelid::regclass::text = any(?)
         and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indpred is null and i.indkey[0] = c.conkey[1])`,
      [`{${TABLES.join(',')}}`],
    );
    expect(rows).toEqual([]);
  });

  it('keeps keys of the money tables in the order that a distribution by user needs', async () => {
    const rows = await money.query<{ name: string; column: string }>(
      `select c.conrelid::regclass::text as name, a.attname as column
       from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
       where c.contype in ('p', 'u') and c.conrelid::regclass::text in ('credit_accounts', 'credits', 'credit_holds', 'credit_postings',
         'credit_reversals', 'period_closes', 'token_usage_ledger')`,
    );
    expect(rows.filter(({ column }) => column !== 'user_id')).toEqual([]);
  });

  it('names no changing column in an index of holds and grants, so that their updates stay on their page', async () => {
    const rows = await money.query<{ indexdef: string }>(
      `select indexdef from pg_indexes where tablename in ('credit_holds', 'credits', 'credit_accounts') and schemaname = 'public'`,
    );
    const text = rows.map(({ indexdef }) => indexdef).join('\n');
    expect(text).not.toMatch(/\bstate\b|_ucr\b|pending_count|_requests\b|_tokens\b/);
  });

  it.each(['credit_postings', 'token_usage_ledger'])('refuses UPDATE, DELETE and TRUNCATE of %s', async (table) => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n });
    const held = member(user, 5n);
    await money.holds.reserve([held], NOW);
    await money.holds.settle([settlement(held, 5n)], NOW);
    for (const statement of [
      `update ${table} set created_at = created_at where user_id = '${user.id}'`,
      `delete from ${table} where user_id = '${user.id}'`,
      `truncate ${table}`,
      `truncate ${table}_2026_05`,
      `delete from ${table}_2026_05 where user_id = '${user.id}'`,
    ]) {
      await expect(money.query(statement)).rejects.toThrow(/append-only/);
    }
  });

  it('takes lines of any month: the default partition has those that no other has', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 1n, createdAt: new Date('2031-03-01T00:00:00Z') });
    const rows = await money.query(
      'select tableoid::regclass::text as partition from credit_postings where user_id = ?',
      [user.id],
    );
    expect(rows).toEqual([{ partition: 'credit_postings_default' }]);
  });

  it('refuses a balance below what is held, a negative debt and a second live subscription', async () => {
    const user = await money.newUser();
    const update = (set: string): Promise<unknown> =>
      money.query(`update credit_accounts set ${set} where user_id = ?`, [user.id]);
    await expect(update('held_ucr = 1')).rejects.toThrow(/credit_accounts_amounts_check/);
    await expect(update('debt_ucr = -1')).rejects.toThrow(/credit_accounts_amounts_check/);
    const subscribe = (): Promise<unknown> =>
      money.query(
        `insert into subscriptions (id, user_id, tier, billing_anchor_at, current_period_start, current_period_end, created_at, updated_at)
         values (?, ?, 'free', ?, ?, '2027-01-01', ?, ?)`,
        [newId(), user.id, NOW, NOW, NOW, NOW],
      );
    await subscribe();
    await expect(subscribe()).rejects.toThrow(/subscriptions_live_unique/);
  });

  /** With an index on pending holds the planner would scan all of them for each batch. */
  it('finds the holds to settle by their primary key, with generic plans and nothing pending', async () => {
    const user = await money.newUser();
    await money.query(
      `insert into credit_holds (user_id, id, access_id, model_id, model_version_no, amount_ucr, bound_tokens, slices, state, expires_at,
         ended_at, cost_ucr, created_at, updated_at)
       select ?, gen_random_uuid(), gen_random_uuid(), 'm', 1, 0, 0, '[]', 'settled', ?, ?, 0, ?, ? from generate_series(1, 5000)`,
      [user.id, NOW, NOW, NOW, NOW],
    );
    await money.query('analyze credit_holds');
    const client = new pg.Client({ connectionString: money.url });
    await client.connect();
    await client.query('set plan_cache_mode = force_generic_plan');
    await client.query(
      `prepare settle(uuid[], uuid[]) as update credit_holds t set state = 'settled' from unnest($1, $2) as r(id, user_id)
       where t.user_id = r.user_id and t.id = r.id and t.state = 'pending'`,
    );
    const { rows } = await client.query(`explain execute settle('{}', '{}')`);
    await client.end();
    expect(JSON.stringify(rows)).toContain('credit_holds_pkey');
  });

  it('runs the money functions with generic plans', async () => {
    const rows = await money.query(
      `select proname from pg_proc where pronamespace = 'tollgate'::regnamespace and proname in ('reserve_batch', 'settle_batch')
       and 'plan_cache_mode=force_generic_plan' = any(proconfig) order by 1`,
    );
    expect(rows).toEqual([{ proname: 'reserve_batch' }, { proname: 'settle_batch' }]);
  });
});
