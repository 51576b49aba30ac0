import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { seedPlans } from '../../seeders/plans.seeder.js';
import { ending, member, MoneyDatabase, NOW, settlement, type TestUser } from '../credits/money-database.js';
import { moneyServices, type MoneyServices } from '../credits/money-services.js';

const CREDIT = 1_000_000n;
const ANCHOR = new Date('2027-01-31T12:00:00.000Z');
const START = { actorId: null, reason: 'test', isTrial: false };
const periodEnd = (index: number): Date => billingPeriod(ANCHOR, index).end;

interface GrantRow {
  grant_key: string;
  source: string;
  period_index: number | null;
  total: bigint;
  used: bigint;
  expired: bigint;
  held: bigint;
  effective_at: string;
  expires_at: string | null;
  closed: boolean;
}

/**
 * Catches, each tried by hand: a close that does not stamp the old grants (its refund revives the period), one without the key of the period
 * (two at once grant twice), dates chained from the period before, a carry without the cap.
 */
describe('the close of a billing period', () => {
  let money: MoneyDatabase;
  let services: MoneyServices;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
    services = moneyServices(money.orm, NOW);
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  /** A user on plan pro since the anchor, 2 000 credits, rollover 50 % up to 1 000. */
  async function subscriber(tier: 'pro' | 'free' = 'pro'): Promise<TestUser> {
    const user = await money.newUser({ hasAccount: false });
    await services.subscriptions.startPlan(user.id, tier, START, ANCHOR);
    return user;
  }

  async function spend(user: TestUser, credits: bigint, at: Date): Promise<void> {
    const held = member(user, credits * CREDIT, { expiresAt: new Date(at.getTime() + 60_000) });
    expect(await money.holds.reserve([held], at)).toMatchObject([{ outcome: 'held' }]);
    await money.holds.settle([settlement(held, credits * CREDIT, at)], at);
  }

  async function grants(user: TestUser): Promise<GrantRow[]> {
    const rows = await money.query<Record<string, unknown>>(
      'select * from credits where user_id = ? order by priority, period_index, source',
      [user.id],
    );
    return rows.map((row) => ({
      grant_key: String(row['grant_key']).replace(/:[0-9a-f-]{36}:/, ':'),
      source: String(row['source']),
      period_index: row['period_index'] as number | null,
      total: BigInt(row['total_ucr'] as string) / CREDIT,
      used: BigInt(row['used_ucr'] as string) / CREDIT,
      expired: BigInt(row['expired_ucr'] as string) / CREDIT,
      held: BigInt(row['held_ucr'] as string) / CREDIT,
      effective_at: new Date(row['effective_at'] as string).toISOString(),
      expires_at: row['expires_at'] === null ? null : new Date(row['expires_at'] as string).toISOString(),
      closed: row['closed_at'] !== null,
    }));
  }

  const available = async (user: TestUser, at: Date): Promise<bigint> =>
    (await services.credits.balance(user.id, at)).availableUcr / CREDIT;

  it('carries what is left up to the cap, forfeits the rest and grants the next allowance', async () => {
    const user = await subscriber();
    await spend(user, 700n, ANCHOR);
    const closed = await services.periods.closeDue(user.id, periodEnd(0));
    expect(closed).toMatchObject([
      {
        periodIndex: 0,
        leftUcr: 1_300n * CREDIT,
        carriedUcr: 1_000n * CREDIT,
        forfeitedUcr: 300n * CREDIT,
        allowanceUcr: 2_000n * CREDIT,
      },
    ]);
    expect(await grants(user)).toMatchObject([
      {
        grant_key: 'rollover:0',
        total: 1_000n,
        used: 0n,
        expired: 0n,
        effective_at: '2027-02-28T12:00:00.000Z',
        expires_at: '2027-03-31T12:00:00.000Z',
        closed: false,
      },
      { grant_key: 'allowance:0', total: 2_000n, used: 700n, expired: 1_300n, closed: true },
      {
        grant_key: 'allowance:1',
        total: 2_000n,
        used: 0n,
        effective_at: '2027-02-28T12:00:00.000Z',
        expires_at: '2027-03-31T12:00:00.000Z',
        closed: false,
      },
    ]);
    expect(await available(user, periodEnd(0))).toBe(3_000n);
  });

  it('happens once, however many ask at the same moment', async () => {
    const user = await subscriber();
    const runs = await Promise.all(Array.from({ length: 20 }, () => services.periods.closeDue(user.id, periodEnd(0))));
    expect(runs.flat()).toHaveLength(1);
    expect(await grants(user)).toHaveLength(3);
  });

  it('counts periods from the anchor: 31 January, 28 February, 31 March, 30 April', async () => {
    const user = await subscriber();
    const closed = await services.periods.closeDue(user.id, new Date('2027-05-31T12:00:00.000Z'));
    expect(closed.map(({ periodIndex }) => periodIndex)).toEqual([0, 1, 2, 3]);
    const allowances = (await grants(user)).filter(({ source }) => source === 'subscription');
    expect(allowances.map(({ effective_at }) => effective_at.slice(0, 10))).toEqual([
      '2027-01-31',
      '2027-02-28',
      '2027-03-31',
      '2027-04-30',
      '2027-05-31',
    ]);
  });

  it('comes to the same in one run over months that were missed as in a run each month', async () => {
    const [late, timely] = [await subscriber(), await subscriber()];
    for (const user of [late, timely]) await spend(user, 1_500n, ANCHOR);
    for (let index = 0; index < 5; index += 1) await services.periods.closeDue(timely.id, periodEnd(index));
    await services.periods.closeDue(late.id, periodEnd(4));
    expect(await grants(late)).toEqual(await grants(timely));
    expect(await available(late, periodEnd(4))).toBe(await available(timely, periodEnd(4)));
  });

  it('leaves alone what was bought or given', async () => {
    const user = await subscriber();
    await money.addGrant(user, { source: 'purchase', amountUcr: 50n * CREDIT });
    await money.addGrant(user, { source: 'promo', amountUcr: 5n * CREDIT, expiresAt: periodEnd(5) });
    await services.periods.closeDue(user.id, periodEnd(0));
    expect((await grants(user)).filter(({ source }) => source === 'purchase' || source === 'promo')).toMatchObject([
      { total: 5n, expired: 0n, closed: false },
      { total: 50n, expired: 0n, closed: false },
    ]);
  });

  it('repays a debt with the next allowance first', async () => {
    const user = await subscriber('free');
    const held = member(user, 100n * CREDIT, { expiresAt: periodEnd(3) });
    await money.holds.reserve([held], ANCHOR);
    await money.holds.settle([settlement(held, 130n * CREDIT, ANCHOR)], ANCHOR);
    expect(await money.account(user)).toMatchObject({ balance: 0n, debt: 30n * CREDIT });
    const [closed] = await services.periods.closeDue(user.id, periodEnd(0));
    expect(closed).toMatchObject({ leftUcr: 0n, repaidUcr: 30n * CREDIT });
    expect(await money.account(user)).toMatchObject({ balance: 70n * CREDIT, debt: 0n });
  });

  it('carries what a hold gives back after the close, up to the cap that is left, and forfeits the rest', async () => {
    const user = await subscriber();
    await spend(user, 1_100n, ANCHOR);
    const over = member(user, 800n * CREDIT, { expiresAt: periodEnd(1) });
    await money.holds.reserve([over], ANCHOR);
    // 100 free: carried whole; 800 held stay where they are.
    expect(await services.periods.closeDue(user.id, periodEnd(0))).toMatchObject([
      { leftUcr: 100n * CREDIT, carriedUcr: 100n * CREDIT },
    ]);
    expect(await available(user, periodEnd(0))).toBe(2_100n);
    await money.holds.settle([settlement(over, 300n * CREDIT, ANCHOR)], periodEnd(0));
    expect(await grants(user)).toMatchObject([
      { grant_key: 'rollover:0', total: 600n },
      { grant_key: 'allowance:0', total: 2_000n, used: 1_400n, expired: 600n, held: 0n, closed: true },
      { grant_key: 'allowance:1', total: 2_000n, used: 0n },
    ]);
    expect(await available(user, periodEnd(0))).toBe(2_600n);
  });

  it('makes the rollover when the hold ends if nothing was free at the close, and never above the cap', async () => {
    const user = await subscriber();
    const all = member(user, 2_000n * CREDIT, { expiresAt: periodEnd(1) });
    await money.holds.reserve([all], ANCHOR);
    expect(await services.periods.closeDue(user.id, periodEnd(0))).toMatchObject([{ leftUcr: 0n, carriedUcr: 0n }]);
    await money.holds.settle([ending(all, 'voided')], periodEnd(0));
    expect(await grants(user)).toMatchObject([
      { grant_key: 'rollover:0', total: 1_000n },
      { grant_key: 'allowance:0', expired: 2_000n, closed: true },
      { grant_key: 'allowance:1' },
    ]);
    expect(
      await money.query('select carried_ucr, cap_left_ucr, forfeited_ucr from period_closes where user_id = ?', [
        user.id,
      ]),
    ).toEqual([{ carried_ucr: '1000000000', cap_left_ucr: '0', forfeited_ucr: '1000000000' }]);
  });

  it('forfeits whole what is less than the plan’s minimum', async () => {
    const user = await subscriber();
    const held = member(user, 2_000n * CREDIT - 999_999n, { expiresAt: periodEnd(1) });
    await money.holds.reserve([held], ANCHOR);
    await money.holds.settle([settlement(held, held.amountUcr, ANCHOR)], ANCHOR);
    expect(await services.periods.closeDue(user.id, periodEnd(0))).toMatchObject([
      { leftUcr: 999_999n, carriedUcr: 0n, forfeitedUcr: 999_999n },
    ]);
  });

  it('is done by a balance read when no job has run', async () => {
    const user = await subscriber();
    expect(await services.credits.balance(user.id, periodEnd(2))).toMatchObject({
      availableUcr: 3_000n * CREDIT,
      nextGrantAt: periodEnd(3),
    });
  });

  it('of many accounts leaves out those that are busy and takes them next time', async () => {
    const users = await Promise.all(Array.from({ length: 5 }, () => subscriber()));
    const ids = users.map(({ id }) => id).sort();
    const busy = ids[2]!;
    const blocker = money.orm.em.fork();
    await blocker.begin();
    await blocker.execute('select 1 from credit_accounts where user_id = ? for update', [busy]);
    const first = await services.periods.closeNext(ids, periodEnd(0), 'skip');
    expect(first.closed.map(({ userId }) => userId)).toEqual(ids.filter((id) => id !== busy));
    await blocker.rollback();
    const second = await services.periods.closeNext(ids, periodEnd(0), 'skip');
    expect(second.closed.map(({ userId }) => userId)).toEqual([busy]);
    expect(await services.periods.closeNext(ids, periodEnd(0), 'skip')).toEqual({ closed: [], found: 0 });
  });
});
