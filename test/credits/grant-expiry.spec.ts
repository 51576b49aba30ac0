import pg from 'pg';
import {
  addSubscription,
  correctionOf,
  ledgerServices,
  type LedgerServices,
  lineOf,
  linesOf,
} from './ledger-services.js';
import { ending, member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);
const PERIOD = { start: new Date('2026-04-20T00:00:00.000Z'), end: new Date('2026-05-20T00:00:00.000Z') };

describe('the expiry of grants', () => {
  let money: MoneyDatabase;
  let services: LedgerServices;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    services = ledgerServices(money.orm);
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  const expire = (now: Date): Promise<unknown> => services.expiry.expireGrants(now);

  async function grantsOf(user: TestUser): Promise<Record<string, unknown>[]> {
    return money.query(
      `select source, remaining_ucr, expired_ucr, held_ucr, closed_at from credits where user_id = ? order by created_at, priority, id`,
      [user.id],
    );
  }

  it('takes what is free off the books, dated when it ended, and closes the grant', async () => {
    const user = await money.newUser();
    for (const source of ['promo', 'rollover', 'purchase', 'adjustment'] as const) {
      await money.addGrant(user, { amountUcr: 5n, source, expiresAt: later(10) });
    }
    await money.addGrant(user, { amountUcr: 7n, source: 'purchase' });
    await money.addGrant(user, { amountUcr: 9n, expiresAt: later(11) });
    expect(await services.expiry.expireGrants(later(9))).toEqual({ accounts: 0, grants: 0 });
    expect(await services.expiry.expireGrants(later(10))).toEqual({ accounts: 1, grants: 4 });
    const lines = await linesOf(money, user, 'expiry');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatchObject({ amountUcr: -5n, createdAt: later(10), actorId: null });
    expect(await money.account(user)).toMatchObject({ balance: 16n });
    expect(await services.expiry.expireGrants(later(10))).toEqual({ accounts: 0, grants: 0 });
  });

  /** Fails when the source is not looked at: the close of the period would find nothing to carry. */
  it('leaves the grants of a period to its close', async () => {
    const user = await money.newUser();
    const subscriptionId = await addSubscription(money, user, PERIOD);
    for (const source of ['subscription', 'proration'] as const) {
      await money.addGrant(user, { amountUcr: 5n, source, subscriptionId, periodIndex: 0, expiresAt: later(10) });
    }
    await expire(later(10));
    expect(await grantsOf(user)).toMatchObject([
      { remaining_ucr: '5', closed_at: null },
      { remaining_ucr: '5', closed_at: null },
    ]);
  });

  /** Fails when a grant is closed, or expired whole, while a hold has a part of it. */
  it('leaves what is held until its hold ends; then the rest goes', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
    const [used, unused] = [member(user, 4n), member(user, 3n)];
    await money.holds.reserve([used, unused], NOW);
    await expire(later(10));
    expect(await grantsOf(user)).toMatchObject([
      { remaining_ucr: '7', held_ucr: '7', expired_ucr: '3', closed_at: null },
    ]);
    await expire(later(11));
    expect(await linesOf(money, user, 'expiry')).toHaveLength(1);
    await money.holds.settle([settlement(used, 2n)], later(20));
    await money.holds.settle([ending(unused, 'voided')], later(21));
    expect(await grantsOf(user)).toMatchObject([
      { remaining_ucr: '0', expired_ucr: '8', closed_at: expect.anything() },
    ]);
    expect(await money.account(user)).toMatchObject({ balance: 0n, held: 0n });
  });

  it('finds what a settlement by a clock behind its own left free', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
    const held = member(user, 10n);
    await money.holds.reserve([held], NOW);
    await expire(later(10));
    await money.holds.settle([settlement(held, 4n)], later(9));
    await expire(later(12));
    expect(await grantsOf(user)).toMatchObject([
      { remaining_ucr: '0', expired_ucr: '6', closed_at: expect.anything() },
    ]);
  });

  /** Fails when lines or closes are dated by the run. */
  it('comes to the same in one run over [a, c] as in runs over [a, b] and [b, c]', async () => {
    const lives = async (...runs: Date[]): Promise<unknown> => {
      const user = await money.newUser();
      await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
      await money.addGrant(user, { amountUcr: 20n, expiresAt: later(20), source: 'purchase' });
      await money.addGrant(user, { amountUcr: 30n, expiresAt: later(30), source: 'adjustment' });
      for (const run of runs) await expire(run);
      const lines = await linesOf(money, user);
      return {
        grants: await grantsOf(user),
        lines: lines
          .map(({ kind, amountUcr, source, createdAt }) => `${kind} ${amountUcr} ${source} ${createdAt.toISOString()}`)
          .sort(),
        account: await money.account(user),
      };
    };
    expect(await lives(later(10), later(15), later(20), later(29))).toEqual(await lives(later(29)));
  });

  /** Fails without the account's lock, or when grants are read before it. */
  it('happens once with many runs at once and settlements, reserves and corrections beside them', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, () => money.newUser()));
    const work: (() => Promise<unknown>)[] = [];
    for (const user of users) {
      const grantId = await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
      await money.addGrant(user, { amountUcr: 10n, source: 'purchase' });
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      work.push(
        () => money.holds.settle([settlement(held, 7n)], later(10)),
        () => money.holds.reserve([member(user, 6n)], NOW),
        () => services.ledger.adjust(correctionOf(user), { grantId, amountUcr: -1n }, NOW),
      );
    }
    const runs = Array.from({ length: 6 }, () => expire(later(10)));
    for (const result of await Promise.allSettled([...work.map((one) => one()), ...runs])) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'credits_not_free' });
    }
    await expire(later(10));
    const [row] = await money.query(
      `select count(*)::int as late from credits where user_id = any(?) and expires_at <= ? and remaining_ucr > held_ucr`,
      [`{${users.map(({ id }) => id).join(',')}}`, later(10)],
    );
    expect(row).toEqual({ late: 0 });
  });

  it('passes by an account that is busy, and takes it in the next run', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
    const busy = new pg.Client({ connectionString: money.url });
    await busy.connect();
    await busy.query('begin');
    await busy.query('select 1 from credit_accounts where user_id = $1 for update', [user.id]);
    expect(await services.expiry.expireGrants(later(10))).toEqual({ accounts: 0, grants: 0 });
    await busy.query('rollback');
    await busy.end();
    expect(await services.expiry.expireGrants(later(10))).toEqual({ accounts: 1, grants: 1 });
  });

  it('goes through any number of accounts in chunks', async () => {
    await money.query(
      `insert into users (id, email, email_verified_at, created_at, updated_at)
       select gen_random_uuid(), 'many-' || n || '@example.com', now(), now(), now() from generate_series(1, 2100) as n`,
    );
    await money.query(
      `insert into credit_accounts (user_id, balance_ucr, minute_at, day_at, month_at, created_at, updated_at)
       select id, 5, ?, ?, ?, ?, ? from users where email like 'many-%'`,
      [NOW, NOW, NOW, NOW, NOW],
    );
    await money.query(
      `insert into credits (user_id, id, grant_key, source, total_ucr, priority, effective_at, expires_at, created_at, updated_at)
       select id, gen_random_uuid(), 'one', 'promo', 5, 10, ?, ?, ?, ? from users where email like 'many-%'`,
      [NOW, later(5), NOW, NOW],
    );
    await money.query(
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       select user_id, gen_random_uuid(), id, 'grant', 5, ? from credits where grant_key = 'one'`,
      [NOW],
    );
    expect(await services.expiry.expireGrants(later(5))).toEqual({ accounts: 2_100, grants: 2_100 });
  });

  /** Among many open grants the few that are over are found by their own index; it names nothing that a request changes. */
  it('finds what is over by an index that no request has to keep', async () => {
    const user = await money.newUser();
    await money.em.transactional(async (em) => {
      await em.execute(
        `insert into credits (user_id, id, grant_key, source, total_ucr, priority, effective_at, expires_at, created_at, updated_at)
         select ?, gen_random_uuid(), 'g' || n, 'promo', 0, 10, ?, ?::timestamptz + n * interval '1 minute', ?, ?
         from generate_series(1, 20000) as n`,
        [user.id, NOW, NOW, NOW, NOW],
      );
      await em.execute('analyze credits');
      const due = `select distinct c.user_id from credits c where c.closed_at is null and c.expires_at <= '${later(600_000).toISOString()}'
        and c.source not in ('subscription', 'proration') order by c.user_id limit 1000`;
      expect(JSON.stringify(await em.execute(`explain ${due}`))).toContain('credits_expires_at_index');
      const near = `select * from tollgate.ending_credits(null, '${later(600_000).toISOString()}', '${NOW.toISOString()}')`;
      expect(JSON.stringify(await em.execute(`explain ${near}`))).toContain('credits_expires_at_index');
      await em.execute('delete from credits where user_id = ?', [user.id]);
    });
  });

  it('leaves debts as they are, and a refund to what has expired is refused', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
    const held = member(user, 10n);
    await money.holds.reserve([held], NOW);
    await money.holds.settle([settlement(held, 12n)], NOW);
    await expire(later(10));
    expect(await money.account(user)).toMatchObject({ balance: 0n, debt: 2n });
    const usage = await lineOf(money, user, 'usage');
    await expect(services.ledger.reverse(correctionOf(user), usage.id, later(10))).rejects.toMatchObject({
      code: 'grant_ended',
    });
  });
});
