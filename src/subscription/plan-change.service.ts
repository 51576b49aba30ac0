import { Injectable } from '@nestjs/common';
import { smallerUcr } from '../common/domain/micro-credits.js';
import { type Tier, tierRank } from '../common/domain/tiers.js';
import { previewRollover } from '../credits/domain/rollover-preview.js';
import { billingPeriod } from './domain/billing-period.js';
import { effectOf, prorationUcr } from './domain/proration.js';
import { allowanceEndsAt, type ChangeTime, decideDue, type SubscriptionState, whyNot } from './domain/transitions.js';
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
    const { debtUcr } = await this.books.credits.balance(userId, now);
    const freeUcr = await this.freeOf(live);
    const { creditsUcr } =
      time === 'now' ? effectOf(worthNow(live, plans, tier, now), { ...live, freeUcr }) : { creditsUcr: 0n };
    // What is given repays an open debt first.
    const repaidUcr = creditsUcr > 0n ? smallerUcr(debtUcr, creditsUcr) : 0n;
    const leftUcr = freeUcr + creditsUcr - repaidUcr;
    const next = changed(live, tier, time);
    const endsAt = allowanceEndsAt(next);
    const following = decideDue(next, endsAt);
    const plan = plans[following?.kind === 'renew' ? following.tier : 'free'];
    const { carriedUcr, forfeitedUcr } =
      following?.kind === 'renew'
        ? previewRollover(leftUcr, rolloverRuleOf(plan), plan.monthlyCreditsUcr)
        : { carriedUcr: 0n, forfeitedUcr: leftUcr };
    return {
      fromTier: live.tier,
      toTier: tier,
      effectiveAt: time === 'now' ? now : live.currentPeriodEnd,
      creditsUcr,
      periodEndsAt: endsAt,
      carriedUcr,
      forfeitedUcr,
      nextAllowanceUcr: plan.monthlyCreditsUcr,
    };
  }

  /**
   * Changes the tier. What was scheduled before is replaced; the present tier takes a scheduled change back. A smaller allowance at once takes
   * back the difference for the rest of the period, at most what is free; what it could not take, a later change upwards in the period does
   * not give.
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
    const { creditsUcr, owedUcr } = effectOf(worth, { ...live, freeUcr: await this.freeOf(live) });
    const { userId, id: subscriptionId, periodIndex, currentPeriodStart: start, currentPeriodEnd: end } = live;
    if (creditsUcr > 0n) {
      const period = { subscriptionId, index: periodIndex, start, end };
      const grantKey = `change:${changeId}`;
      const grant = { userId, grantKey, source: 'proration' as const, amountUcr: creditsUcr, period };
      const given = { ...grant, effectiveAt: now, expiresAt: allowanceEndsAt(live), reason, grantedBy: actorId };
      await this.books.credits.give(given, now);
    } else {
      const taking = { amountUcr: -creditsUcr, reason, actorId };
      await this.books.allowances.takeBack({ userId, subscriptionId, periodIndex }, taking, now);
    }
    await this.books.rows.setAllowance(live, { tier, allowanceUcr: plans[tier].monthlyCreditsUcr, owedUcr });
    const isFree = tier === 'free';
    await this.lifecycle.apply(
      live,
      { tier, cancelAtPeriodEnd: false, ...(isFree && { trialEndsAt: null }) },
      request,
      now,
    );
  }

  /** What is free of the current period's credits. */
  private async freeOf({ userId, id: subscriptionId, periodIndex }: LiveSubscription): Promise<bigint> {
    const [free = 0n] = await this.books.allowances.leftOf([{ userId, subscriptionId, periodIndex }]);
    return free;
  }
}

function refuse(live: LiveSubscription, tier: Tier): void {
  const why = whyNot('change_tier', live);
  if (why !== null) throw new SubscriptionStateError('change_tier', why);
  if (tier === live.tier && live.scheduledTier === null) {
    throw new SubscriptionStateError('change_tier', `It is on plan ${tier} already.`);
  }
}

/** The subscription as the change leaves it. The present tier takes back what was scheduled and nothing else. */
function changed(live: LiveSubscription, tier: Tier, time: ChangeTime): SubscriptionState {
  if (tier === live.tier) return { ...live, scheduledTier: null };
  const next = { ...live, cancelAtPeriodEnd: false };
  if (time === 'period_end') return { ...next, scheduledTier: tier };
  return { ...next, tier, scheduledTier: null, trialEndsAt: tier === 'free' ? null : live.trialEndsAt };
}

function usualTime(from: Tier, to: Tier): ChangeTime {
  return tierRank(to) > tierRank(from) ? 'now' : 'period_end';
}

/** By what the period was given, not by what its plan would give by now: a changed allowance acts with the next period. */
function worthNow(live: LiveSubscription, plans: Plans, tier: Tier, now: Date): bigint {
  if (tier === live.tier) return 0n;
  const fromUcr = live.allowanceUcr ?? plans[live.tier].monthlyCreditsUcr;
  const allowances = { fromUcr, toUcr: plans[tier].monthlyCreditsUcr };
  return prorationUcr(allowances, billingPeriod(live.billingAnchorAt, live.periodIndex), now);
}
