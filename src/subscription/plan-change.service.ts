import { Injectable } from '@nestjs/common';
import { type Tier, tierRank } from '../common/domain/tiers.js';
import { previewRollover } from '../credits/domain/rollover-preview.js';
import { billingPeriod } from './domain/billing-period.js';
import { prorationUcr } from './domain/proration.js';
import { type ChangeTime, whyNot } from './domain/transitions.js';
import { type Plans, rolloverRuleOf } from './plan.service.js';
import { SubscriptionBooks } from './subscription-books.js';
import { type ActionRequest, SubscriptionLifecycleService } from './subscription-lifecycle.service.js';
import { SubscriptionStateError } from './subscription.errors.js';
import type { LiveSubscription } from './subscription.repository.js';
import { SubscriptionService } from './subscription.service.js';

/** What a change of tier would do, if nothing were used between now and the end of the period. */
export interface ChangePreview {
  fromTier: Tier;
  toTier: Tier;
  effectiveAt: Date;
  /** Credits that come (or, negative, go) when it takes effect. */
  creditsUcr: bigint;
  periodEndsAt: Date;
  carriedUcr: bigint;
  forfeitedUcr: bigint;
  nextAllowanceUcr: bigint;
}

/** Changes of tier: upwards with the difference for the rest of the period, downwards with the next one. */
@Injectable()
export class PlanChangeService {
  constructor(
    private readonly books: SubscriptionBooks,
    private readonly subscriptions: SubscriptionService,
    private readonly lifecycle: SubscriptionLifecycleService,
  ) {}

  /** What `change` would do now. Nothing is changed, except that periods that are due are closed. */
  async preview(userId: string, tier: Tier, when: ChangeTime | undefined, now: Date): Promise<ChangePreview> {
    const plans = await this.books.plans.all();
    await this.subscriptions.closeDuePeriods(userId, now);
    const live = await this.subscriptions.ensureSubscription(userId, now);
    refuse(live, tier);
    const time = when ?? usualTime(live.tier, tier);
    const [left = 0n] = await this.books.allowances.leftOf([{ ...live, subscriptionId: live.id }]);
    const worth = time === 'now' ? worthNow(live, plans, tier, now) : 0n;
    const creditsUcr = worth < -left ? -left : worth;
    const plan = plans[tier];
    const { carriedUcr, forfeitedUcr } = previewRollover(
      left + creditsUcr,
      rolloverRuleOf(plan),
      plan.monthlyCreditsUcr,
    );
    return {
      fromTier: live.tier,
      toTier: tier,
      effectiveAt: time === 'now' ? now : live.currentPeriodEnd,
      creditsUcr,
      periodEndsAt: live.currentPeriodEnd,
      carriedUcr,
      forfeitedUcr,
      nextAllowanceUcr: plan.monthlyCreditsUcr,
    };
  }

  /**
   * Changes the tier. What was scheduled before is replaced; the present tier takes a scheduled change back. A smaller allowance at once takes
   * back the difference for the rest of the period, at most what is free.
   * @throws SubscriptionStateError
   */
  async change(
    id: string,
    request: ActionRequest & { tier: Tier; when?: ChangeTime | undefined },
    now: Date,
  ): Promise<LiveSubscription> {
    return this.lifecycle.act(id, { action: 'change_tier', request, now }, async (live, plans) => {
      const { tier } = request;
      refuse(live, tier);
      const time = request.when ?? usualTime(live.tier, tier);
      if (tier === live.tier) {
        await this.books.rows.unschedule(live.id, 'cancelled', now);
        return this.lifecycle.apply(live, {}, request, now);
      }
      await this.books.rows.unschedule(live.id, 'replaced', now);
      if (time === 'now') return this.changeNow(live, plans, request, now);
      const change = { tier, effectiveAt: live.currentPeriodEnd, state: 'scheduled' as const };
      await this.books.rows.addChange(live, change, { actorId: request.actorId, now });
      await this.lifecycle.apply(live, { cancelAtPeriodEnd: false }, request, now);
    });
  }

  private async changeNow(
    live: LiveSubscription,
    plans: Plans,
    request: ActionRequest & { tier: Tier },
    now: Date,
  ): Promise<void> {
    const { tier, actorId, reason } = request;
    const change = { tier, effectiveAt: now, state: 'applied' as const };
    const changeId = await this.books.rows.addChange(live, change, { actorId, now });
    const worth = worthNow(live, plans, tier, now);
    const { userId, id: subscriptionId, periodIndex, currentPeriodStart: start, currentPeriodEnd: end } = live;
    if (worth > 0n) {
      const period = { subscriptionId, index: periodIndex, start, end };
      const grant = { userId, grantKey: `change:${changeId}`, source: 'proration' as const, amountUcr: worth, period };
      await this.books.credits.give({ ...grant, effectiveAt: now, expiresAt: end, reason, grantedBy: actorId }, now);
    } else {
      const taking = { amountUcr: -worth, reason, actorId };
      await this.books.allowances.takeBack({ userId, subscriptionId, periodIndex }, taking, now);
    }
    await this.lifecycle.apply(live, { tier, cancelAtPeriodEnd: false }, request, now);
  }
}

function refuse(live: LiveSubscription, tier: Tier): void {
  const why = whyNot('change_tier', live);
  if (why !== null) throw new SubscriptionStateError('change_tier', why);
  if (tier === live.tier && live.scheduledTier === null) {
    throw new SubscriptionStateError('change_tier', `It is on plan ${tier} already.`);
  }
}

function usualTime(from: Tier, to: Tier): ChangeTime {
  return tierRank(to) > tierRank(from) ? 'now' : 'period_end';
}

function worthNow(live: LiveSubscription, plans: Plans, tier: Tier, now: Date): bigint {
  const allowances = { fromUcr: plans[live.tier].monthlyCreditsUcr, toUcr: plans[tier].monthlyCreditsUcr };
  return prorationUcr(allowances, billingPeriod(live.billingAnchorAt, live.periodIndex), now);
}
