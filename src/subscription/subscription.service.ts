import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import type { Tier } from '../common/domain/tiers.js';
import { CreditsService } from '../credits/credits.service.js';
import { billingPeriod } from './domain/billing-period.js';
import type { Plan } from './plan.entity.js';
import { PlanService } from './plan.service.js';
import type { Subscription, SubscriptionStatus } from './subscription.entity.js';
import { SubscriptionInactiveError } from './subscription.errors.js';
import { SubscriptionRepository } from './subscription.repository.js';

/** Guards may be this much behind; `reserve` decides under the account's lock. */
const CURRENT_TTL_MS = 5_000;
const CURRENT_USERS_MAX = 10_000;

export interface CurrentSubscription {
  id: string;
  tier: Tier;
  status: SubscriptionStatus;
  currentPeriodStart: Date;
  currentPeriodEnd: Date;
  cancelAtPeriodEnd: boolean;
}

/** Who is on which plan. A user's first subscription, account and allowance come into being together, whenever they are first needed. */
@Injectable()
export class SubscriptionService implements OnModuleInit {
  private readonly known = new LRUCache<string, CurrentSubscription>({ max: CURRENT_USERS_MAX, ttl: CURRENT_TTL_MS });

  constructor(
    private readonly subscriptions: SubscriptionRepository,
    private readonly plans: PlanService,
    private readonly credits: CreditsService,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.credits.openAccountsWith(async (userId, now) => {
      if (await this.subscriptions.isEntitled(userId)) await this.ensureSubscription(userId, now);
    });
  }

  /**
   * The user's live subscription, at most a few seconds old; a user without one is put on the free plan, from `now` on.
   * @throws SubscriptionInactiveError for a user whose address is not verified.
   */
  async current(userId: string, now = this.clock.now()): Promise<CurrentSubscription> {
    return this.known.get(userId) ?? this.ensureSubscription(userId, now);
  }

  /**
   * The live subscription as stored. A user without one gets the free plan, its account and its first allowance in one transaction, once,
   * however many ask at the same time.
   * @throws SubscriptionInactiveError for a user whose address is not verified.
   */
  async ensureSubscription(userId: string, now: Date): Promise<CurrentSubscription> {
    let live = await this.subscriptions.findLive(userId);
    if (!live) {
      if (!(await this.subscriptions.isEntitled(userId))) throw SubscriptionInactiveError.unverified();
      const plan = await this.plans.of('free');
      await this.subscriptions.transactional(() => this.open(userId, plan, now));
      live = await this.subscriptions.findLive(userId);
    }
    if (!live) throw new Error(`user ${userId} has no live subscription although one was opened`);
    const current = toCurrent(live);
    this.known.set(userId, current);
    return current;
  }

  /**
   * Puts the user on a plan at once: what was live is cancelled and its allowance forfeited, the new plan begins now with its whole
   * allowance. Changes nothing for a user who is on that plan.
   */
  async setTier(userId: string, tier: Tier, now: Date): Promise<CurrentSubscription> {
    const plan = await this.plans.of(tier);
    await this.subscriptions.transactional(async () => {
      await this.credits.lockAccount(userId);
      const live = await this.subscriptions.findLive(userId);
      if (live?.tier === tier) return;
      if (live) {
        await this.subscriptions.cancel(live.id, now);
        const change = { fromTier: live.tier, toTier: tier, fromStatus: live.status, toStatus: 'cancelled' };
        await this.subscriptions.record({ subscriptionId: live.id, ...change, reason: 'replaced' }, now);
        await this.credits.forfeitAllowance(userId, live.id, now);
      }
      await this.open(userId, plan, now);
    });
    this.known.delete(userId);
    return this.ensureSubscription(userId, now);
  }

  /** Forgets what is known of a user, after a change elsewhere. */
  forget(userId: string): void {
    this.known.delete(userId);
  }

  /**
   * The plan is read before the transaction begins: one that waits for a second connection while it holds its own would, many at a time,
   * wait for each other.
   */
  private async open(userId: string, plan: Plan, now: Date): Promise<void> {
    const { tier } = plan;
    const period = billingPeriod(now, 0);
    const id = await this.subscriptions.openIfNone(userId, tier, period);
    if (id === null) return;
    await this.subscriptions.record({ subscriptionId: id, toTier: tier, toStatus: 'active', reason: 'opened' }, now);
    await this.credits.openAccount(userId, period.end, now);
    await this.credits.give(
      {
        userId,
        grantKey: `allowance:${id}:0`,
        source: 'subscription',
        amountUcr: plan.monthlyCreditsUcr,
        effectiveAt: period.start,
        expiresAt: period.end,
        reason: null,
        grantedBy: null,
        period: { subscriptionId: id, ...period },
      },
      now,
    );
  }
}

function toCurrent(live: Subscription): CurrentSubscription {
  const { id, tier, status, currentPeriodStart, currentPeriodEnd, cancelAtPeriodEnd } = live;
  return { id, tier, status, currentPeriodStart, currentPeriodEnd, cancelAtPeriodEnd };
}
