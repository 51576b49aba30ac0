import { seedPlans } from '../../seeders/plans.seeder.js';
import type { Tier } from '../../src/common/domain/tiers.js';
import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import type { LiveSubscription } from '../../src/subscription/subscription.repository.js';
import { MoneyDatabase, NOW, type TestUser } from '../credits/money-database.js';
import { moneyServices, type MoneyServices } from '../credits/money-services.js';

const CREDIT = 1_000_000n;
const DAY_MS = 86_400_000;
const ANCHOR = new Date('2026-06-01T00:00:00.000Z');
const at = (days: number): Date => new Date(ANCHOR.getTime() + days * DAY_MS);
const end = (index: number): Date => billingPeriod(ANCHOR, index).end;

describe('a subscription that was suspended', () => {
  let money: MoneyDatabase;
  let services: MoneyServices;
  let operator: TestUser;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
    services = moneyServices(money.orm, NOW);
    operator = await money.newUser();
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  const because = (reason: string) => ({ actorId: operator.id, reason });

  async function subscriber(tier: Tier = 'pro', isTrial = false): Promise<{ user: TestUser; id: string }> {
    const user = await money.newUser({ hasAccount: false });
    const { id } = await services.subscriptions.startPlan(user.id, tier, { ...because('test'), isTrial }, ANCHOR);
    return { user, id };
  }

  const suspend = (id: string, from: number, to: number): Promise<LiveSubscription> =>
    services.lifecycle
      .suspend(id, because('abuse report'), at(from))
      .then(() => services.lifecycle.reinstate(id, because('cleared'), at(to)));
  const live = async (user: TestUser, now: Date): Promise<LiveSubscription> => {
    await services.subscriptions.closeDuePeriods(user.id, now);
    return services.subscriptions.ensureSubscription(user.id, now);
  };
  const credits = async (user: TestUser, now: Date): Promise<bigint> =>
    (await services.credits.balance(user.id, now)).availableUcr / CREDIT;

  it('goes on in the tier that was to follow, which decides what is carried', async () => {
    const leaving = await subscriber('enterprise');
    await services.changes.change(leaving.id, { ...because('asked'), tier: 'free' }, at(1));
    expect(await suspend(leaving.id, 2, 35)).toMatchObject({ tier: 'free', scheduledTier: null, periodIndex: 1 });
    expect(await credits(leaving.user, at(35))).toBe(0n);
    expect(await credits(leaving.user, end(1))).toBe(100n);
    expect(
      await money.query('select to_tier, state from subscription_changes where subscription_id = ?', [leaving.id]),
    ).toEqual([{ to_tier: 'free', state: 'applied' }]);
    expect(
      await money.query(
        'select from_tier, to_tier from subscription_events where subscription_id = ? order by created_at desc limit 1',
        [leaving.id],
      ),
    ).toEqual([{ from_tier: 'enterprise', to_tier: 'free' }]);

    const smaller = await subscriber('pro_max');
    await services.changes.change(smaller.id, { ...because('asked'), tier: 'pro' }, at(1));
    expect(await suspend(smaller.id, 2, 35)).toMatchObject({ tier: 'pro', periodIndex: 1 });
    expect(await credits(smaller.user, at(35))).toBe(1_000n);
  });

  it('keeps a change that is scheduled where its period has not ended', async () => {
    const { user, id } = await subscriber('pro_max');
    await services.changes.change(id, { ...because('asked'), tier: 'pro' }, at(1));
    expect(await suspend(id, 2, 29)).toMatchObject({ tier: 'pro_max', scheduledTier: 'pro', periodIndex: 0 });
    expect(await live(user, end(0))).toMatchObject({ tier: 'pro', scheduledTier: null });
  });

  it('ends where its period did when it was cancelled', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.cancel(id, because('asked'), at(3));
    expect(await suspend(id, 4, 40)).toMatchObject({ status: 'cancelled' });
    expect(await live(user, at(40))).toMatchObject({ tier: 'free', billingAnchorAt: end(0) });
  });
});
