import { UCR_PER_CREDIT } from '../common/domain/micro-credits.js';
import { TIERS, type Tier, tierRank } from '../common/domain/tiers.js';
import type { CreditsService } from '../credits/credits.service.js';
import type { LedgerService } from '../credits/ledger.service.js';
import type { PlanChangeService } from '../subscription/plan-change.service.js';
import type { SubscriptionLifecycleService } from '../subscription/subscription-lifecycle.service.js';
import type { SubscriptionService } from '../subscription/subscription.service.js';
import { eachOf, type Outcomes } from './outcomes.js';
import type { Person, Standing } from './people.js';

/** Transactions at once: more wait for each other on two cores. */
const WIDTH = 4;
const DAYS_PER_MONTH = 30.4;
const DAY_MS = 86_400_000;
const GRACE_DAYS = 7;

/** How often a month it happens to one person whose subscription allows it. */
const PER_MONTH = {
  upgrade: 0.03,
  downgrade: 0.03,
  cancel: 0.025,
  resume: 0.3,
  suspend: 0.01,
  reinstate: 4,
  pastDue: 0.03,
  recover: 3.5,
  subscribe: 0.06,
  purchase: 0.04,
  promo: 0.08,
  adjust: 0.02,
  refund: 0.02,
};

export interface EventServices {
  credits: CreditsService;
  ledger: LedgerService;
  subscriptions: SubscriptionService;
  lifecycle: SubscriptionLifecycleService;
  changes: PlanChangeService;
}

/** What happens to people besides their requests: their plans, their payments, and operators. Each through the service that the API uses. */
export class Events {
  constructor(
    private readonly services: EventServices,
    private readonly operatorId: string,
    private readonly outcomes: Outcomes,
  ) {}

  async join(people: readonly Person[], now: Date): Promise<void> {
    const { subscriptions } = this.services;
    await eachOf(people, WIDTH, async ({ userId, firstTier }) => {
      this.outcomes.add(`joined on ${firstTier}`);
      if (firstTier === 'free') await subscriptions.ensureSubscription(userId, now);
      else await subscriptions.startPlan(userId, firstTier, { ...this.cause('joined'), isTrial: false }, now);
    });
  }

  /** One day of everybody. */
  async happen(people: readonly Person[], now: Date): Promise<void> {
    const planned = people.flatMap((person) => {
      const work = person.standing && this.plan(person, person.standing, now);
      return work ? [work] : [];
    });
    await eachOf(planned, WIDTH, (work) => work());
  }

  /** Some who ran dry buy more. */
  async topUp(poor: readonly Person[], now: Date): Promise<void> {
    const buying = poor.filter(({ random }) => random.chance(0.15));
    await eachOf(buying, WIDTH, (person) => this.buy(person, now));
  }

  /** At most one event a day for each, so that no two of one person's meet. */
  private plan(person: Person, standing: Standing, now: Date): (() => Promise<void>) | undefined {
    const name = this.draw(person, standing);
    if (!name) return undefined;
    const { id, tier } = standing;
    const { lifecycle, changes } = this.services;
    const cause = this.cause(name);
    const act = (work: () => Promise<unknown>) => async () => void (await this.outcomes.attempt(name, work));
    switch (name) {
      case 'upgrade':
      case 'downgrade': {
        const next = otherTier(person, tier, name === 'upgrade');
        return act(() => changes.change(id, { ...cause, tier: next }, now));
      }
      case 'cancel':
      case 'resume':
      case 'suspend':
      case 'reinstate':
      case 'recover':
        return act(() => lifecycle[name](id, cause, now));
      case 'pastDue':
        return act(() => lifecycle.markPastDue(id, { ...cause, days: GRACE_DAYS }, now));
      case 'subscribe': {
        const next = otherTier(person, 'free', true);
        return act(() => this.services.subscriptions.startPlan(person.userId, next, { ...cause, isTrial: false }, now));
      }
      case 'purchase':
        return () => this.buy(person, now);
      case 'promo':
        return act(() => this.promote(person, now));
      case 'adjust':
        return act(() => this.adjust(person, now));
      case 'refund':
        return act(() => this.refund(person, now));
    }
  }

  private draw({ random, lastCharged }: Person, standing: Standing): keyof typeof PER_MONTH | undefined {
    const isActive = standing.status === 'active';
    const isPaid = standing.tier !== 'free';
    const isSettled = isActive && !standing.isPastDue;
    const possible: Record<keyof typeof PER_MONTH, boolean> = {
      upgrade: isSettled && isPaid && standing.tier !== 'enterprise',
      downgrade: isSettled && isPaid,
      cancel: isSettled && isPaid && !standing.isEnding,
      resume: isActive && standing.isEnding,
      suspend: isActive,
      reinstate: !isActive,
      pastDue: isSettled && isPaid,
      recover: isActive && standing.isPastDue,
      subscribe: isActive && !isPaid,
      purchase: isActive,
      promo: true,
      adjust: true,
      refund: lastCharged !== undefined,
    };
    for (const [name, rate] of Object.entries(PER_MONTH) as [keyof typeof PER_MONTH, number][]) {
      if (possible[name] && random.chance(rate / DAYS_PER_MONTH)) return name;
    }
    return undefined;
  }

  private async buy({ userId, random }: Person, now: Date): Promise<void> {
    const key = random.uuid();
    const amountUcr =
      BigInt(
        random.weighted([
          [200, 5],
          [1_000, 3],
          [5_000, 1],
        ] as const),
      ) * UCR_PER_CREDIT;
    const expiresAt = random.chance(0.5) ? later(now, 365) : null;
    const grant = { userId, amountUcr, source: 'purchase' as const, reason: null, expiresAt };
    await this.outcomes.attempt('purchase', () =>
      this.services.credits.adminGrant(
        { ...grant, grantedBy: this.operatorId, idempotencyKey: key, paymentId: key },
        now,
      ),
    );
  }

  private promote({ userId, random }: Person, now: Date): Promise<unknown> {
    const amountUcr = BigInt(random.integer(10, 500)) * UCR_PER_CREDIT;
    const grant = { userId, amountUcr, source: 'promo' as const, reason: 'a promotion' };
    return this.services.credits.adminGrant(
      {
        ...grant,
        expiresAt: later(now, random.integer(5, 60)),
        grantedBy: this.operatorId,
        idempotencyKey: random.uuid(),
      },
      now,
    );
  }

  /** Adds to a grant, or takes from it; more than is free is refused. */
  private async adjust({ userId, random }: Person, now: Date): Promise<void> {
    const amountUcr = BigInt(random.integer(-100, 100) || 1) * UCR_PER_CREDIT;
    const { grants } = await this.services.credits.balance(userId, now);
    const grant = grants[0];
    if (!grant) return;
    await this.services.ledger.adjust(
      { userId, actorId: this.operatorId, reason: 'a correction' },
      { grantId: grant.id, amountUcr },
      now,
    );
  }

  private async refund(person: Person, now: Date): Promise<void> {
    const { userId, lastCharged } = person;
    person.lastCharged = undefined;
    await this.services.ledger.refund({ userId, actorId: this.operatorId, reason: 'a bad answer' }, lastCharged!, now);
  }

  private cause(reason: string): { actorId: string; reason: string } {
    return { actorId: this.operatorId, reason };
  }
}

function otherTier({ random }: Person, tier: Tier, isHigher: boolean): Tier {
  const others = TIERS.filter((other) =>
    isHigher ? tierRank(other) > tierRank(tier) : tierRank(other) < tierRank(tier),
  );
  return others[random.integer(0, others.length - 1)] ?? tier;
}

function later(now: Date, days: number): Date {
  return new Date(now.getTime() + days * DAY_MS);
}
