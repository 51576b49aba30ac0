import { seedPlans } from '../../seeders/plans.seeder.js';
import type { Tier } from '../../src/common/domain/tiers.js';
import type { LiveSubscription } from '../../src/subscription/subscription.repository.js';
import { MoneyDatabase, NOW, type TestUser } from '../credits/money-database.js';
import { moneyServices, type MoneyServices } from '../credits/money-services.js';
import { ANCHOR, CREDIT } from './calendar.js';

/** Subscriptions with the seeded plans on a database of their own, and what their specs do with them all the time. */
export class SubscriptionLife {
  private money!: MoneyDatabase;
  private services!: MoneyServices;
  /** Whom the changes are said to come from. */
  operator!: TestUser;

  /** `trialDays` are set where a plan is to have a trial. */
  async open(
    trialDays: Partial<Record<Tier, number>> = {},
  ): Promise<{ money: MoneyDatabase; services: MoneyServices }> {
    this.money = await MoneyDatabase.open();
    await seedPlans(this.money.em, { now: NOW });
    for (const [tier, days] of Object.entries(trialDays))
      await this.money.query('update plans set trial_days = ? where tier = ?', [days, tier]);
    this.services = moneyServices(this.money.orm, NOW);
    this.operator = await this.money.newUser();
    return { money: this.money, services: this.services };
  }

  readonly close = (): Promise<void> => this.money.close();

  readonly expectBalancedBooks = async (): Promise<void> => {
    expect(await this.money.offenders()).toEqual([]);
  };

  readonly because = (reason: string) => ({ actorId: this.operator.id, reason });

  /** A user whose subscription began at the anchor. */
  readonly subscriber = async (tier: Tier = 'pro', isTrial = false): Promise<{ user: TestUser; id: string }> => {
    const user = await this.money.newUser({ hasAccount: false });
    const start = { ...this.because('test'), isTrial };
    const { id } = await this.services.subscriptions.startPlan(user.id, tier, start, ANCHOR);
    return { user, id };
  };

  /** The subscription once all that was due by then is done. */
  readonly live = async (user: TestUser, now: Date): Promise<LiveSubscription> => {
    await this.services.subscriptions.closeDuePeriods(user.id, now);
    return this.services.subscriptions.ensureSubscription(user.id, now);
  };

  /** What can be spent then, in whole credits. */
  readonly credits = async (user: TestUser, now = ANCHOR): Promise<bigint> =>
    (await this.services.credits.balance(user.id, now)).availableUcr / CREDIT;
}
