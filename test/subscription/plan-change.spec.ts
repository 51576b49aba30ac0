import type { Tier } from '../../src/common/domain/tiers.js';
import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { member, MoneyDatabase, settlement, type TestUser } from '../credits/money-database.js';
import type { MoneyServices } from '../credits/money-services.js';
import { ANCHOR, at, CREDIT, end } from './calendar.js';
import { SubscriptionLife } from './subscription-life.js';

const HALF_TIME = at(15);
const END = end(0);

describe('changes of tier at once', () => {
  const life = new SubscriptionLife();
  const { because, subscriber, credits } = life;
  let money: MoneyDatabase;
  let services: MoneyServices;

  beforeAll(async () => {
    ({ money, services } = await life.open());
  });
  afterAll(life.close);
  afterEach(async () => {
    await setAllowance('pro', 2_000n);
    await life.expectBalancedBooks();
  });

  async function setAllowance(tier: Tier, credits: bigint): Promise<void> {
    await money.query('update plans set monthly_credits_ucr = ? where tier = ?', [credits * CREDIT, tier]);
    services.plans.forget();
  }
  async function spend(user: TestUser, held: bigint, now: Date, cost = held): Promise<void> {
    const one = member(user, held * CREDIT, { expiresAt: new Date(now.getTime() + 60_000), boundTokens: 1 });
    expect(await money.holds.reserve([one], now)).toMatchObject([{ outcome: 'held' }]);
    await money.holds.settle([settlement(one, cost * CREDIT, now)], now);
  }
  const change = (id: string, tier: Tier, now = ANCHOR) =>
    services.changes.change(id, { ...because('test'), tier, when: 'now' }, now);

  it('downwards and up again give nothing to who has used everything, as often as it is done', async () => {
    const { user, id } = await subscriber('pro');
    await spend(user, 2_000n, ANCHOR);
    for (let count = 0; count < 3; count += 1) {
      await change(id, 'free');
      expect((await services.changes.preview(user.id, 'pro', 'now', ANCHOR)).creditsUcr).toBe(0n);
      await change(id, 'pro');
      expect(await credits(user)).toBe(0n);
    }
    await change(id, 'pro_max');
    expect(await credits(user)).toBe(8_000n);
  });

  it('what was used is owed for the rest of the period only, and later changes give as much less', async () => {
    const { user, id } = await subscriber('pro');
    await spend(user, 1_500n, ANCHOR);
    // 1 900 should come back and 500 do; half a period of pro is worth 950, half of pro_max 4 950.
    await change(id, 'free');
    expect(await services.lifecycle.standing(id)).toMatchObject({ owedUcr: 1_400n * CREDIT });
    await change(id, 'pro', HALF_TIME);
    expect(await credits(user, HALF_TIME)).toBe(0n);
    expect((await services.changes.preview(user.id, 'pro_max', 'now', HALF_TIME)).creditsUcr).toBe(3_550n * CREDIT);
    await services.subscriptions.closeDuePeriods(user.id, END);
    expect(await services.lifecycle.standing(id)).toMatchObject({ owedUcr: 0n, allowanceUcr: 2_000n * CREDIT });
    await change(id, 'pro_max', END);
    expect(await credits(user, END)).toBe(10_000n);
  });

  it('owes nothing of a period that was skipped under a suspension', async () => {
    const { user, id } = await subscriber('pro');
    await spend(user, 2_000n, ANCHOR);
    await change(id, 'free');
    await services.lifecycle.suspend(id, because('test'), HALF_TIME);
    await services.lifecycle.reinstate(id, because('test'), END);
    expect(await services.lifecycle.standing(id)).toMatchObject({ owedUcr: 0n, periodIndex: 1 });
    await change(id, 'pro', END);
    expect(await credits(user, END)).toBe(1_900n);
  });

  it.each([9_000n, 100n])(
    'counts from what the period was given, not from what its plan would give by now: %s',
    async (changed) => {
      const { user, id } = await subscriber('pro');
      await setAllowance('pro', changed);
      const { creditsUcr } = await services.changes.preview(user.id, 'pro_max', undefined, ANCHOR);
      await change(id, 'pro_max');
      expect(creditsUcr).toBe(8_000n * CREDIT);
      expect(await credits(user)).toBe(10_000n);
      await change(id, 'pro');
      expect(await credits(user)).toBe(changed);
    },
  );

  it('counts from what a renewed period was given, and from the plan where nobody wrote it down', async () => {
    const { user, id } = await subscriber('pro');
    await spend(user, 2_000n, ANCHOR);
    await setAllowance('pro', 3_000n);
    await services.subscriptions.closeDuePeriods(user.id, END);
    await setAllowance('pro', 9_000n);
    await change(id, 'pro_max', END);
    expect(await credits(user, END)).toBe(10_000n);

    await setAllowance('pro', 2_000n);
    const older = await subscriber('pro');
    await setAllowance('pro', 9_000n);
    await money.query('update subscriptions set allowance_ucr = null where id = ?', [older.id]);
    await change(older.id, 'pro_max');
    expect(await credits(older.user)).toBe(2_000n + 1_000n);
  });

  /** As a version leaves the row that keeps neither. Removed once: the look at the tier, and at the period, of each. */
  it('counts from the plan where an older version changed the tier or opened the period', async () => {
    const changed = await subscriber('free');
    await money.query(`update subscriptions set tier = 'pro' where id = ?`, [changed.id]);
    await change(changed.id, 'pro_max');
    expect(await credits(changed.user)).toBe(100n + 8_000n);

    const next = billingPeriod(ANCHOR, 1).end;
    const renew = async ({ user, id }: { user: TestUser; id: string }): Promise<void> => {
      await money.query(
        `update subscriptions set tier = 'pro', period_index = 1, current_period_start = ?, current_period_end = ? where id = ?`,
        [END, next, id],
      );
      await money.query('update credit_accounts set next_due_at = ? where user_id = ?', [next, user.id]);
    };
    const owing = await subscriber('pro');
    await spend(owing.user, 2_000n, ANCHOR);
    await change(owing.id, 'free');
    await renew(owing);
    await change(owing.id, 'pro_max', END);
    expect(await credits(owing.user, END)).toBe(8_000n);

    const renewed = await subscriber('pro');
    await spend(renewed.user, 2_000n, ANCHOR);
    await setAllowance('pro', 3_000n);
    await renew(renewed);
    await change(renewed.id, 'pro_max', END);
    expect(await credits(renewed.user, END)).toBe(7_000n);
  });

  it('promises nothing for the tier that is there already, whatever its plan gives by now', async () => {
    const { user, id } = await subscriber('pro');
    await services.changes.change(id, { ...because('test'), tier: 'free', when: 'period_end' }, ANCHOR);
    await setAllowance('pro', 5_000n);
    expect((await services.changes.preview(user.id, 'pro', 'now', ANCHOR)).creditsUcr).toBe(0n);
  });

  it('shows beforehand that a trial takes everything with it, and that it is over in the free plan', async () => {
    await money.query('update plans set trial_days = 14 where tier = ?', ['pro']);
    services.plans.forget();
    const user = await money.newUser({ hasAccount: false });
    const { id } = await services.subscriptions.startPlan(
      user.id,
      'pro',
      { ...because('test'), isTrial: true },
      ANCHOR,
    );
    const trialEnd = new Date('2026-06-15T00:00:00.000Z');
    const preview = (tier: Tier) => services.changes.preview(user.id, tier, 'now', ANCHOR);
    const lost = { carriedUcr: 0n, forfeitedUcr: 10_000n * CREDIT };
    expect(await preview('free')).toMatchObject({ periodEndsAt: END });
    expect(await preview('pro_max')).toMatchObject({ ...lost, periodEndsAt: trialEnd });
    await change(id, 'pro_max');
    expect(await services.periods.closeDue(user.id, trialEnd)).toMatchObject([lost]);
  });

  it('shows beforehand what follows a trial that ends with its period, and a plan that stays cancelled', async () => {
    await money.query('update plans set trial_days = 30 where tier = ?', ['pro']);
    services.plans.forget();
    const user = await money.newUser({ hasAccount: false });
    const start = { ...because('test'), isTrial: true };
    const { id } = await services.subscriptions.startPlan(user.id, 'pro', start, ANCHOR);
    const lost = { carriedUcr: 0n, forfeitedUcr: 10_000n * CREDIT };
    expect(await services.changes.preview(user.id, 'pro_max', undefined, ANCHOR)).toMatchObject({
      ...lost,
      periodEndsAt: END,
      nextAllowanceUcr: 100n * CREDIT,
    });
    await change(id, 'pro_max');
    expect(await services.periods.closeDue(user.id, END)).toMatchObject([lost]);

    const cancelled = await subscriber('pro');
    await services.changes.change(cancelled.id, { ...because('test'), tier: 'free', when: 'period_end' }, ANCHOR);
    await services.lifecycle.cancel(cancelled.id, because('test'), ANCHOR);
    expect(await services.changes.preview(cancelled.user.id, 'pro', undefined, ANCHOR)).toMatchObject({
      carriedUcr: 0n,
      forfeitedUcr: 2_000n * CREDIT,
      nextAllowanceUcr: 100n * CREDIT,
    });
  });

  it('shows beforehand what the close will carry and forfeit after an open debt was repaid', async () => {
    const { user, id } = await subscriber('pro');
    await spend(user, 1_900n, ANCHOR, 2_100n);
    const shown = await services.changes.preview(user.id, 'pro_max', undefined, ANCHOR);
    expect(shown).toMatchObject({ creditsUcr: 8_000n * CREDIT, forfeitedUcr: 2_900n * CREDIT });
    await change(id, 'pro_max');
    expect(await services.periods.closeDue(user.id, END)).toMatchObject([
      { carriedUcr: shown.carriedUcr, forfeitedUcr: shown.forfeitedUcr },
    ]);
  });
});
