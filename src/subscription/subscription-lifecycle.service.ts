import { Injectable } from '@nestjs/common';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { assertIfMatch, etagOf } from '../common/http/etag.js';
import { billingPeriod, type BillingPeriod } from './domain/billing-period.js';
import {
  allowanceEndsAt,
  dueAt,
  reinstated,
  type SubscriptionAction,
  type SubscriptionState,
  whyNot,
} from './domain/transitions.js';
import { PeriodCloseService, renewalTerms } from './period-close.service.js';
import type { Plans } from './plan.service.js';
import type { Cause } from './subscription-audit.js';
import { SubscriptionBooks } from './subscription-books.js';
import { SubscriptionNotFoundError, SubscriptionStateError } from './subscription.errors.js';
import type { LiveSubscription, SubscriptionPatch } from './subscription.repository.js';
import { SubscriptionService } from './subscription.service.js';

const DAY_MS = 86_400_000;
/** A trial or a grace period that needs longer than this wants another plan. */
const EXTENSION_DAYS_MAX = 366;

/** Who wants what, and which state he has seen: without `ifMatch`, any. */
export interface ActionRequest extends Cause {
  ifMatch?: string | undefined;
}

/** What changes with each change of the subscription, for `If-Match`. */
export function etagOfSubscription({ id, version }: Pick<LiveSubscription, 'id' | 'version'>): string {
  return etagOf([id, version]);
}

const GRACE_MISSING = {
  field: 'days',
  message: 'is required where the plan has no graceDays: how many days of grace, or 0 to end the plan now',
};

/** What may happen to a subscription between its periods: every action once decided by the pure rules, under the account's lock, and recorded. */
@Injectable()
export class SubscriptionLifecycleService {
  constructor(
    private readonly books: SubscriptionBooks,
    private readonly subscriptions: SubscriptionService,
    private readonly periods: PeriodCloseService,
  ) {}

  /** It goes on to the end of its period and ends there. */
  async cancel(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'cancel', request, now }, (live) =>
      this.apply(live, { cancelAtPeriodEnd: true }, request, now),
    );
  }

  /** Takes a cancellation back. */
  async resume(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'resume', request, now }, (live) =>
      this.apply(live, { cancelAtPeriodEnd: false }, request, now),
    );
  }

  /** It ends at once: what is left of its allowance is forfeited, and the free plan follows. */
  async end(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'end', request, now }, async (live, plans) => {
      await this.periods.end(live, { status: 'cancelled', at: now, ...request }, plans.free, now);
    });
  }

  /** No request passes and no period moves until it is reinstated; what is open settles. */
  async suspend(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'suspend', request, now }, (live) =>
      this.apply(live, { status: 'suspended' }, request, now),
    );
  }

  /**
   * It goes on where time is by now. Allowances that would have begun while it was suspended are skipped; what was left before is carried by
   * the plan's rule as if the present period followed directly. A change that was scheduled has come with the first of those boundaries. A
   * trial and a grace last as long as they still had to.
   */
  async reinstate(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'reinstate', request, now }, async (live, plans) => {
      const suspendedAt = (await this.books.allowances.suspendedSince(live.userId)) ?? now;
      const next = reinstated(live, { suspendedAt, now });
      const patch: SubscriptionPatch = { status: 'active' };
      if (live.trialEndsAt) patch.trialEndsAt = next.trialEndsAt;
      if (live.graceEndsAt) patch.graceEndsAt = next.graceEndsAt;
      if (next.periodIndex !== live.periodIndex) {
        patch.tier = next.tier;
        const period = await this.skipTo(next, live, plans, now);
        patch.period = { ...period, tier: next.tier, allowanceUcr: plans[next.tier].monthlyCreditsUcr };
      }
      await this.apply(live, patch, request, now);
    });
  }

  /**
   * A payment failed: the plan goes on for the grace, its next allowance waits. Without `days`, the plan's own.
   * What is left of the period lasts as long as the grace does.
   * @throws InvalidRequestError where neither says how long: the plan would be lost at once, and no payment could bring it back.
   */
  async markPastDue(id: string, request: ActionRequest & { days?: number }, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'mark_past_due', request, now }, (live, plans) => {
      const days = request.days ?? plans[live.tier].graceDays;
      if (request.days === undefined && days === 0) throw InvalidRequestError.of([GRACE_MISSING]);
      return this.apply(live, { graceEndsAt: new Date(now.getTime() + days * DAY_MS) }, request, now);
    });
  }

  /** The payment came: periods that ended meanwhile are closed, and their allowances given. A trial whose date has passed has become the plan. */
  async recover(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'recover', request, now }, (live) => {
      const isTrialOver = live.trialEndsAt !== null && live.trialEndsAt <= now;
      return this.apply(live, { graceEndsAt: null, ...(isTrialOver && { trialEndsAt: null }) }, request, now);
    });
  }

  /** A trial becomes the plan. */
  async convertTrial(id: string, request: ActionRequest, now: Date): Promise<LiveSubscription> {
    return this.act(id, { action: 'convert_trial', request, now }, (live) =>
      this.apply(live, { trialEndsAt: null }, request, now),
    );
  }

  /** A trial or a grace period lasts until `until`, which must be later than it would have. */
  async extend(id: string, request: ActionRequest & { until: Date }, now: Date): Promise<LiveSubscription> {
    if (request.until.getTime() > now.getTime() + EXTENSION_DAYS_MAX * DAY_MS) {
      throw InvalidRequestError.of([
        { field: 'until', message: `must be at most ${EXTENSION_DAYS_MAX} days from now` },
      ]);
    }
    const standing = await this.standing(id);
    const action = standing.graceEndsAt ? 'extend_grace' : 'extend_trial';
    return this.act(id, { action, request, now }, async (live) => {
      const present = live.graceEndsAt ?? live.trialEndsAt;
      if (present && request.until <= present) {
        throw new SubscriptionStateError(action, `It ends on ${present.toISOString()}; an extension must be later.`);
      }
      const patch = live.graceEndsAt ? { graceEndsAt: request.until } : { trialEndsAt: request.until };
      await this.apply(live, patch, request, now);
    });
  }

  /** @throws SubscriptionNotFoundError */
  async standing(id: string): Promise<LiveSubscription> {
    const standing = await this.books.rows.findStanding(id);
    if (!standing) throw new SubscriptionNotFoundError(id);
    return standing;
  }

  /**
   * One action: due periods first, then, under the account's lock, the rules, the work, and again what has come due by it.
   * @throws SubscriptionNotFoundError, SubscriptionStateError, StaleEtagError. A refusal changes nothing.
   */
  async act(
    id: string,
    { action, request, now }: { action: SubscriptionAction; request: ActionRequest; now: Date },
    work: (live: LiveSubscription, plans: Plans) => Promise<void>,
  ): Promise<LiveSubscription> {
    const { userId } = await this.standing(id);
    const plans = await this.books.plans.all();
    await this.subscriptions.closeDuePeriods(userId, now);
    await this.books.rows.transactional(async () => {
      await this.books.credits.lockAccount(userId);
      const live = await this.standing(id);
      if (request.ifMatch !== undefined) assertIfMatch(request.ifMatch, etagOfSubscription(live));
      const why = whyNot(action, live);
      if (why !== null) throw new SubscriptionStateError(action, why);
      await work(live, plans);
      await this.books.audit.note(action, { before: live, after: await this.standing(id) }, request, now);
    });
    this.subscriptions.forget(userId);
    await this.subscriptions.closeDuePeriods(userId, now);
    return this.standing(id);
  }

  /** Writes a change with its reason, when the period's credits end by it, and when the account must be looked at next. Joins the caller's transaction, expects the account's lock. */
  async apply(live: LiveSubscription, patch: SubscriptionPatch, cause: Cause, now: Date): Promise<void> {
    const { period, ...rest } = patch;
    const next: SubscriptionState = {
      ...live,
      ...rest,
      ...(period && { periodIndex: period.index, currentPeriodEnd: period.end }),
    };
    await this.books.rows.patch(live.id, patch, now);
    await this.books.rows.record(
      {
        subscriptionId: live.id,
        fromTier: live.tier,
        toTier: next.tier,
        fromStatus: live.status,
        toStatus: next.status,
        reason: cause.reason,
        actorId: cause.actorId,
        payload: { ...rest, ...(period && { periodIndex: period.index }) },
      },
      now,
    );
    const endsAt = allowanceEndsAt(next);
    if (endsAt.getTime() !== allowanceEndsAt(live).getTime()) {
      const { userId, id: subscriptionId } = live;
      await this.books.allowances.endGrantsAt({ userId, subscriptionId, periodIndex: next.periodIndex }, endsAt, now);
    }
    const suspendedAt = next.status === 'suspended' ? now : null;
    await this.books.allowances.setDue(live.userId, { nextDueAt: dueAt(next), suspendedAt }, now);
  }

  /** Closes the period as if that of `next` followed directly, which has no allowance. */
  private async skipTo(
    next: SubscriptionState,
    live: LiveSubscription,
    plans: Plans,
    now: Date,
  ): Promise<BillingPeriod> {
    const period = billingPeriod(live.billingAnchorAt, next.periodIndex);
    const terms = renewalTerms(live, { kind: 'renew', tier: next.tier, period }, plans[next.tier]);
    await this.periods.close([{ ...terms, next: terms.next && { ...terms.next, allowanceUcr: null } }], now);
    await this.books.rows.unschedule(live.id, 'applied', now);
    return period;
  }
}
