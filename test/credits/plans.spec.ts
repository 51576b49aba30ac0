import { MikroORM } from '@mikro-orm/postgresql';
import { Hold } from '../../src/credits/hold.entity.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { testConfig } from '../support/test-config.js';
import { member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';
import { moneyServices } from './money-services.js';

const BATCHES = 30;
const MEMBERS = 20;
/** Rows of one table that a member needs, with some to spare: its hold, its account, each for every step. */
const READS_PER_MEMBER_MAX = 12;

/**
 * In a database whose tables were never analysed, as in every new installation, over one connection, which keeps the plans that it made when
 * they were empty. Removed once: the settings of the functions, by which holds are then read whole, the join by which a sign-in is looked up, and
 * the lateral lookups of the close.
 */
describe('the functions that move money', () => {
  let money: MoneyDatabase;
  let orm: MikroORM;

  beforeEach(async () => {
    money = await MoneyDatabase.open();
    const options = ormOptions(money.url, testConfig({ DATABASE_URL: money.url }));
    orm = await MikroORM.init({ ...options, pool: { min: 0, max: 1 } });
  });

  afterEach(async () => {
    await orm.close();
    await money.close();
  });

  /** Rows of a table that were read so far, however. */
  async function readsOf(table: string): Promise<number> {
    const em = orm.em.fork();
    await em.execute('select pg_stat_force_next_flush()');
    const [row] = await em.execute<{ rows: string }[]>(
      `select seq_tup_read + coalesce(idx_tup_fetch, 0) as rows from pg_stat_user_tables where relname = ?`,
      [table],
    );
    return Number(row?.rows);
  }

  it('find what a batch names by its key, however many holds there have been', async () => {
    const users: TestUser[] = [];
    for (let count = 0; count < MEMBERS; count += 1) users.push(await money.userWith(1_000n, 1_000_000n));
    const tables = ['credit_holds', 'credit_accounts'];
    const before: number[] = [];
    for (const table of tables) before.push(await readsOf(table));
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const members = users.map((user) => member(user, 100n));
      const holds = orm.em.fork().getRepository(Hold);
      const held = await holds.reserve(members, NOW);
      expect(held.map(({ outcome }) => outcome)).toEqual(users.map(() => 'held'));
      await holds.settle(
        members.map((one, index) => settlement(one, index % 5 === 0 ? 110n : 80n)),
        NOW,
      );
    }
    const after: number[] = [];
    for (const table of tables) after.push(await readsOf(table));
    const perMember = tables.map((_, index) => (after[index]! - before[index]!) / (BATCHES * MEMBERS));
    for (const reads of perMember) expect(reads).toBeLessThanOrEqual(READS_PER_MEMBER_MAX);
    expect(await money.offenders()).toEqual([]);
  });

  it('look up the sign-in of a member by its key, where there are few of them too', async () => {
    const user = await money.userWith(1_000n, 1_000_000n);
    await money.query(
      `insert into auth_grants (id, user_id, client_id, scopes, expires_at)
       select gen_random_uuid(), ?, 'test-client', '{}', '2100-01-01' from generate_series(1, 300)`,
      [user.id],
    );
    await money.query('analyze auth_grants');
    const before = await readsOf('auth_grants');
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const holds = orm.em.fork().getRepository(Hold);
      const [held] = await holds.reserve([member(user, 100n)], NOW);
      expect(held?.outcome).toBe('held');
    }
    expect((await readsOf('auth_grants')) - before).toBe(BATCHES);
  });

  it('close a period without reading those that were closed before', async () => {
    const { subscriptions, periods } = moneyServices(orm, NOW);
    const users: TestUser[] = [];
    for (let count = 0; count < 60; count += 1) users.push(await money.newUser({ hasAccount: false }));
    for (const { id } of users) await subscriptions.ensureSubscription(id, NOW);
    const due = new Date('2026-06-11T00:00:00Z');
    const before = await readsOf('period_closes');
    for (const { id } of users) expect((await periods.closeNext([id], due, 'wait')).found).toBe(1);
    const reads = (await readsOf('period_closes')) - before;
    expect(reads).toBeLessThanOrEqual(users.length);
    expect(await money.query('select count(*)::int as count from period_closes')).toEqual([{ count: users.length }]);
  });
});
