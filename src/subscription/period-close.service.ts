import { Injectable, Logger } from '@nestjs/common';
import type { CloseOutcome, CloseTerms } from '../credits/allowance.repository.js';
import type { Tier } from '../common/domain/tiers.js';
import { rolloverCapUcr } from '../credits/domain/rollover-preview.js';
import { billingPeriod } from './domain/billing-period.js';
import { decideDue, type DueDecision, dueAt, renewed } from './domain/transitions.js';
import type { Plan } from './plan.entity.js';
import { type Plans, rolloverRuleOf } from './plan.service.js';
import { SubscriptionBooks } from './subscription-books.js';
import { SubscriptionOpener } from './subscription-opener.js';
import type { LiveSubscription } from './subscription.repository.js';

/** Periods that one call closes for one user: eighty years of months. More is a fault, not a backlog. */
const ROUNDS_MAX = 1_000;

type Renewal = Extract<DueDecision, { kind: 'renew' }>;
/** When and why a subscription ends, and who wanted it: null where time did. */
export type EndingCause = Omit<Extract<DueDecision, { kind: 'end' }>, 'kind'> & { actorId: string | null };

/** What one round did. */
export interface ClosedPeriod extends CloseOutcome {
  subscriptionId: string;
  periodIndex: number;
  allowanceUcr: bigint;
}

/** The close of billing periods: every step in one transaction under the account's lock, keyed by subscription and period. */
@Injectable()
export class PeriodCloseService {
  private readonly logger = new Logger(PeriodCloseService.name);

  constructor(
    private readonly books: SubscriptionBooks,
    private readonly opener: SubscriptionOpener,
  ) {}

  /** Closes every period of the user that is due at `now`, in order. Answers those that it closed. */
  async closeDue(userId: string, now: Date): Promise<ClosedPeriod[]> {
    const all: ClosedPeriod[] = [];
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const { closed, found } = await this.closeNext([userId], now, 'wait');
      all.push(...closed);
      if (found === 0) return all;
    }
    throw new Error(`user ${userId} still had a period due after ${ROUNDS_MAX} closes`);
  }

  /**
   * One step for each of the users that is due: the next period opens, or the subscription ends and the free plan follows.
   * @returns what was closed, and how many were due and not busy: 0 when there is nothing left to do.
   */
  async closeNext(
    userIds: readonly string[],
    now: Date,
    busy: 'wait' | 'skip',
  ): Promise<{ closed: ClosedPeriod[]; found: number }> {
    const plans = await this.books.plans.all();
    return this.books.rows.transactional(async () => {
      const due = await this.books.allowances.lockDue(userIds, now, busy);
      if (due.length === 0) return { closed: [], found: 0 };
      const live = await this.books.rows.findLiveOf(due);
      const decided = live.map((subscription) => ({ subscription, decision: decideDue(subscription, now) }));
      await this.mend(due, decided, now);
      const renewals = decided.flatMap(({ subscription, decision }) =>
        decision?.kind === 'renew' ? [{ subscription, decision }] : [],
      );
      const endings = decided.flatMap(({ subscription, decision }) =>
        decision?.kind === 'end' ? [{ subscription, decision }] : [],
      );
      const closed = await this.renew(renewals, plans, now);
      for (const { subscription, decision } of endings) {
        closed.push(...(await this.end(subscription, { ...decision, actorId: null }, plans.free, now)));
      }
      return { closed, found: due.length };
    });
  }

  /**
   * Ends a live subscription and puts its user on the free plan, anchored at that moment; purchases and what was carried before stay.
   * Joins the caller's transaction and expects the account's lock.
   */
  async end(subscription: LiveSubscription, ending: EndingCause, free: Plan, now: Date): Promise<ClosedPeriod[]> {
    const closed = await this.finish(subscription, ending, free.tier, now);
    const opening = { anchor: ending.at, trialEndsAt: null, reason: 'opened', actorId: ending.actorId };
    await this.opener.open(subscription.userId, free, opening, now);
    return closed;
  }

  /** Ends a live subscription; its allowance is forfeited. What follows it is the caller's. Joins his transaction, expects the account's lock. */
  async finish(subscription: LiveSubscription, ending: EndingCause, toTier: Tier, now: Date): Promise<ClosedPeriod[]> {
    const { id, userId, tier, status: fromStatus } = subscription;
    const { status: toStatus, reason, actorId } = ending;
    const closed = await this.close([endTerms(subscription)], now);
    await this.books.rows.patch(id, { status: toStatus }, now);
    await this.books.rows.unschedule(id, 'cancelled', now);
    await this.books.rows.record(
      { subscriptionId: id, fromTier: tier, toTier, fromStatus, toStatus, reason, actorId },
      now,
    );
    await this.books.allowances.setDue(userId, { nextDueAt: null, suspendedAt: null }, now);
    return closed;
  }

  /** Closes periods on given terms. Joins the caller's transaction. */
  async close(terms: readonly CloseTerms[], now: Date): Promise<ClosedPeriod[]> {
    const outcomes = await this.books.allowances.closePeriods(terms, now);
    return outcomes.flatMap((outcome, index) => {
      const { subscriptionId, periodIndex, next } = terms[index] as CloseTerms;
      if (!outcome.isClosed) return [];
      return [{ ...outcome, subscriptionId, periodIndex, allowanceUcr: next?.allowanceUcr ?? 0n }];
    });
  }

  private async renew(
    renewals: readonly { subscription: LiveSubscription; decision: Renewal }[],
    plans: Plans,
    now: Date,
  ): Promise<ClosedPeriod[]> {
    if (renewals.length === 0) return [];
    const terms = renewals.map(({ subscription, decision }) =>
      renewalTerms(subscription, decision, plans[decision.tier]),
    );
    const closed = await this.close(terms, now);
    await this.books.rows.advance(
      renewals.map(({ subscription, decision }) => ({
        subscriptionId: subscription.id,
        ...decision,
        allowanceUcr: plans[decision.tier].monthlyCreditsUcr,
      })),
      now,
    );
    await this.books.rows.recordAll(
      renewals
        .filter(({ subscription, decision }) => subscription.tier !== decision.tier)
        .map(({ subscription, decision }) => ({
          subscriptionId: subscription.id,
          fromTier: subscription.tier,
          toTier: decision.tier,
          reason: 'the scheduled change came due',
        })),
      now,
    );
    return closed;
  }

  /** An account whose date does not fit its subscription would be found for ever: its date is put right, and that is logged. */
  private async mend(
    due: readonly string[],
    decided: readonly { subscription: LiveSubscription; decision: DueDecision | null }[],
    now: Date,
  ): Promise<void> {
    for (const userId of due) {
      const known = decided.find(({ subscription }) => subscription.userId === userId);
      if (known?.decision) continue;
      const nextDueAt = known ? dueAt(known.subscription) : null;
      const isSuspended = known?.subscription.status === 'suspended';
      const suspendedAt = isSuspended ? ((await this.books.allowances.suspendedSince(userId)) ?? now) : null;
      this.logger.warn({ userId, nextDueAt }, 'an account was due although its subscription was not');
      await this.books.allowances.setDue(userId, { nextDueAt, suspendedAt }, now);
    }
  }
}

/** The plan of the period that opens decides what is carried into it. */
export function renewalTerms(subscription: LiveSubscription, decision: Renewal, plan: Plan): CloseTerms {
  const { period } = decision;
  return {
    userId: subscription.userId,
    subscriptionId: subscription.id,
    periodIndex: subscription.periodIndex,
    capUcr: rolloverCapUcr(rolloverRuleOf(plan), plan.monthlyCreditsUcr),
    minCarryUcr: plan.rolloverMinCarryUcr,
    rolloverEndsAt: billingPeriod(subscription.billingAnchorAt, period.index + plan.rolloverPeriods - 1).end,
    next: {
      index: period.index,
      startsAt: period.start,
      endsAt: period.end,
      allowanceUcr: plan.monthlyCreditsUcr,
    },
    nextDueAt: dueAt(renewed(subscription, decision.tier, period)),
  };
}

function endTerms({ userId, id, periodIndex }: LiveSubscription): CloseTerms {
  return {
    userId,
    subscriptionId: id,
    periodIndex,
    capUcr: 0n,
    minCarryUcr: 0n,
    rolloverEndsAt: null,
    next: null,
    nextDueAt: null,
  };
}
