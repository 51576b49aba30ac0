import pg from 'pg';
import type { ReserveMember } from '../../src/credits/hold.repository.js';
import { ending, member, MoneyDatabase, NOW, settlement } from './money-database.js';
import { moneyServices } from './money-services.js';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('holds under concurrency', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  it('gives exactly ten of two hundred parallel requests a balance for ten', async () => {
    const user = await money.newUser();
    for (let index = 0; index < 5; index += 1) await money.addGrant(user, { amountUcr: 20n });
    const results = await Promise.all(
      Array.from({ length: 200 }, async () => (await money.holds.reserve([member(user, 10n)], NOW))[0]?.outcome),
    );
    expect(results.filter((outcome) => outcome === 'held')).toHaveLength(10);
    expect(results.filter((outcome) => outcome === 'insufficient')).toHaveLength(190);
  });

  /** Fails when the compare-and-set on the hold's state is removed from settle. */
  it('charges once when a hold is settled many times at once, and voided and swept meanwhile', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 100n });
    const held = member(user, 50n, { expiresAt: later(1) });
    await money.holds.reserve([held], NOW);
    await Promise.all([
      ...Array.from({ length: 10 }, () => money.holds.settle([settlement(held, 30n)], later(2))),
      money.holds.settle([ending(held, 'voided')], later(2)),
      money.holds.settle([ending(held, 'expired')], later(2)),
    ]);
    const [ledger] = await money.query<{ charged: string }>(
      'select coalesce(sum(credits_ucr), 0) as charged from token_usage_ledger where hold_id = ?',
      [held.id],
    );
    const [hold] = await money.query<{ state: string; cost_ucr: string }>(
      'select state, cost_ucr from credit_holds where id = ?',
      [held.id],
    );
    expect(ledger?.charged).toBe(hold?.cost_ucr);
    expect(hold?.cost_ucr).toBe(hold?.state === 'voided' ? '0' : '30');
  });

  /**
   * The second request waits for the account while the first burns the first grant. Fails when the statement that locks also reads the
   * grants: its snapshot is from before the wait.
   */
  it('reads grants as they are after the wait for the lock', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n });
    await money.addGrant(user, { amountUcr: 10n, source: 'purchase' });
    const first = new pg.Client({ connectionString: money.url });
    await first.connect();
    await first.query('begin');
    await first.query('select 1 from credit_accounts where user_id = $1 for update', [user.id]);
    const waiting = money.holds.reserve([member(user, 15n)], NOW);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await first.query('update credits set held_ucr = 8 where user_id = $1 and source = $2', [user.id, 'promo']);
    await first.query('update credit_accounts set held_ucr = 8 where user_id = $1', [user.id]);
    await first.query('commit');
    const [result] = await waiting;
    expect(result).toMatchObject({ outcome: 'insufficient', availableUcr: 12n, heldUcr: 8n });
    await first.query('update credits set held_ucr = 0 where user_id = $1', [user.id]);
    await first.query('update credit_accounts set held_ucr = 0 where user_id = $1', [user.id]);
    await first.end();
  });

  it('meets no deadlock when batches over the same users arrive in different orders', async () => {
    const users = await Promise.all(Array.from({ length: 12 }, () => money.newUser()));
    for (const user of users) await money.addGrant(user, { amountUcr: 10_000n });
    const round = async (seed: number): Promise<void> => {
      const batch = users.map((_, index): ReserveMember => {
        const user = users[(index * 5 + seed * 7) % users.length];
        if (!user) throw new Error('no user');
        return member(user, 5n);
      });
      await money.holds.reserve(batch, NOW);
      await money.holds.settle(
        batch.toReversed().map((held) => settlement(held, 6n)),
        NOW,
      );
    };
    await Promise.all(Array.from({ length: 40 }, (_, seed) => round(seed)));
    const [row] = await money.query<{ charged: string }>(
      'select sum(credits_ucr) as charged from token_usage_ledger where user_id = any(?)',
      [`{${users.map(({ id }) => id).join(',')}}`],
    );
    expect(Number(row?.charged)).toBe(40 * 12 * 6);
  });

  it('sweeps what outlived its time once, with two sweepers at work and a settler beside them', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, () => money.newUser()));
    const held: ReserveMember[] = [];
    for (const user of users) {
      await money.addGrant(user, { amountUcr: 100n });
      held.push(member(user, 10n, { expiresAt: later(1_000) }), member(user, 10n, { expiresAt: later(60_000) }));
    }
    await money.holds.reserve(held, NOW);
    const one = moneyServices(money.orm, NOW).sweeper;
    const other = moneyServices(money.orm, NOW).sweeper;
    const settled = held.filter((_, index) => index % 8 === 0);
    const at = later(1_000);
    await Promise.all([
      one.sweep(at),
      other.sweep(at),
      money.holds.settle(
        settled.map((hold) => settlement(hold, 3n)),
        at,
      ),
    ]);
    await one.sweep(at);
    const [row] = await money.query(
      'select count(*)::int as pending from credit_holds where state = ? and user_id = any(?)',
      ['pending', `{${users.map(({ id }) => id).join(',')}}`],
    );
    expect(row).toEqual({ pending: 20 });
    expect(await one.sweep(later(60_000))).toBe(20);
    expect(await other.sweep(later(60_000))).toBe(0);
  });

  it('lets a sweep pass by an account that is busy', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 10n });
    await money.holds.reserve([member(user, 10n, { expiresAt: later(1) })], NOW);
    const { sweeper } = moneyServices(money.orm, NOW);
    const busy = new pg.Client({ connectionString: money.url });
    await busy.connect();
    await busy.query('begin');
    await busy.query('select 1 from credit_accounts where user_id = $1 for update', [user.id]);
    expect(await sweeper.sweep(later(2))).toBe(0);
    await busy.query('rollback');
    await busy.end();
    expect(await sweeper.sweep(later(3))).toBe(1);
  });
});
