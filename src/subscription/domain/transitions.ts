import type { Tier } from '../../common/domain/tiers.js';
import { billingPeriod, billingPeriodAt, type BillingPeriod } from './billing-period.js';

export const SUBSCRIPTION_STATUSES = ['active', 'cancelled', 'expired', 'suspended'] as const;
export type SubscriptionStatus = (typeof SUBSCRIPTION_STATUSES)[number];

/** All of a subscription that decides what may happen to it. Past due is `active` with `graceEndsAt`. */
export interface SubscriptionState {
  tier: Tier;
  status: SubscriptionStatus;
  billingAnchorAt: Date;
  periodIndex: number;
  currentPeriodEnd: Date;
  cancelAtPeriodEnd: boolean;
  trialEndsAt: Date | null;
  graceEndsAt: Date | null;
  /** The tier from the next period on, where a change is scheduled. */
  scheduledTier: Tier | null;
}

export const SUBSCRIPTION_ACTIONS = [
  'cancel',
  'resume',
  'suspend',
  'reinstate',
  'mark_past_due',
  'recover',
  'convert_trial',
  'extend_trial',
  'extend_grace',
  'change_tier',
  'end',
] as const;
export type SubscriptionAction = (typeof SUBSCRIPTION_ACTIONS)[number];

export const CHANGE_TIMES = ['now', 'period_end'] as const;
/** Left out: a higher tier begins now, a lower one with the next period. */
export type ChangeTime = (typeof CHANGE_TIMES)[number];

/** What must happen to a subscription now: the next period opens, or it ends at a moment that may have passed. */
export type DueDecision =
  | { kind: 'renew'; tier: Tier; period: BillingPeriod }
  | { kind: 'end'; status: 'cancelled' | 'expired'; at: Date; reason: string };

/** From when to when a subscription stood still. */
export interface Suspension {
  suspendedAt: Date;
  now: Date;
}

/** Why an action is not possible in this state, in words; null where it is. */
export function whyNot(action: SubscriptionAction, state: SubscriptionState): string | null {
  if (state.status !== 'active' && state.status !== 'suspended') return `It is ${state.status}.`;
  if (action === 'reinstate') return state.status === 'suspended' ? null : 'It is not suspended.';
  if (action === 'end') return state.tier === 'free' ? 'The free plan is where every other plan ends.' : null;
  if (state.status === 'suspended') return 'It is suspended; reinstate it first.';
  switch (action) {
    case 'cancel':
      if (state.tier === 'free') return 'The free plan has nothing to cancel.';
      return state.cancelAtPeriodEnd ? 'It ends with the current period already.' : null;
    case 'resume':
      return state.cancelAtPeriodEnd ? null : 'No cancellation is pending.';
    case 'suspend':
      return null;
    case 'mark_past_due':
      if (state.tier === 'free') return 'The free plan has no payment that could fail.';
      return state.graceEndsAt ? 'It is past due already.' : null;
    case 'recover':
    case 'extend_grace':
      return state.graceEndsAt ? null : 'It is not past due.';
    case 'convert_trial':
    case 'extend_trial':
      return state.trialEndsAt ? null : 'It is not a trial.';
    case 'change_tier':
      return state.graceEndsAt ? 'It is past due; the payment comes first.' : null;
  }
}

/**
 * When the allowance of the present period ends: with the period, or before it with a trial. Past due it ends with the grace, which may be
 * sooner or later, but not after the period with which the plan was cancelled.
 */
export function allowanceEndsAt(state: SubscriptionState): Date {
  const { graceEndsAt, trialEndsAt, currentPeriodEnd } = state;
  // Past due, the next allowance waits for the payment or for the end of the grace, whichever comes.
  if (graceEndsAt) return state.cancelAtPeriodEnd ? earlier(graceEndsAt, currentPeriodEnd) : graceEndsAt;
  return trialEndsAt ? earlier(trialEndsAt, currentPeriodEnd) : currentPeriodEnd;
}

/** When something must be decided next; null while suspended, when nothing moves. */
export function dueAt(state: SubscriptionState): Date | null {
  return state.status === 'active' ? allowanceEndsAt(state) : null;
}

/** What is due at `now`, one step at a time: missed periods follow in order. Null when nothing is. */
export function decideDue(state: SubscriptionState, now: Date): DueDecision | null {
  const due = dueAt(state);
  if (!due || due > now) return null;
  const { graceEndsAt, trialEndsAt, currentPeriodEnd } = state;
  if (graceEndsAt && due >= graceEndsAt) {
    return { kind: 'end', status: 'expired', at: graceEndsAt, reason: 'the grace period ended unpaid' };
  }
  if (!graceEndsAt && trialEndsAt && due >= trialEndsAt) {
    return { kind: 'end', status: 'expired', at: trialEndsAt, reason: 'the trial ended' };
  }
  if (state.cancelAtPeriodEnd) {
    return { kind: 'end', status: 'cancelled', at: currentPeriodEnd, reason: 'cancelled at the end of the period' };
  }
  const tier = state.scheduledTier ?? state.tier;
  return { kind: 'renew', tier, period: billingPeriod(state.billingAnchorAt, state.periodIndex + 1) };
}

/** The tier from the next period on, where that will be another: a plan that is cancelled ends in the free one, whatever was scheduled. */
export function nextTier({ cancelAtPeriodEnd, scheduledTier }: SubscriptionState): Tier | null {
  return cancelAtPeriodEnd ? 'free' : scheduledTier;
}

/** The tier whose allowance comes when something is decided next; null while suspended, when nothing comes. */
export function followingTier(state: SubscriptionState): Tier | null {
  const due = dueAt(state);
  const decision = due && decideDue(state, due);
  if (!decision) return null;
  return decision.kind === 'renew' ? decision.tier : 'free';
}

/** The state after its next period has opened. The free plan is neither tried nor paid for. */
export function renewed(state: SubscriptionState, tier: Tier, period: BillingPeriod): SubscriptionState {
  const next = { ...state, tier, periodIndex: period.index, currentPeriodEnd: period.end, scheduledTier: null };
  return tier === 'free' ? { ...next, trialEndsAt: null, graceEndsAt: null } : next;
}

/**
 * A suspended subscription as it goes on at `now`. A trial and a grace have as long to run as when it was suspended. A period that ended
 * meanwhile is followed by the one that time is in, in the tier that was to follow; but one that was to be the last is left for its end to be
 * decided, and one that had ended before, past due, still waits for the payment with all that follow it.
 */
export function reinstated(state: SubscriptionState, { suspendedAt, now }: Suspension): SubscriptionState {
  const { tier, scheduledTier, currentPeriodEnd, cancelAtPeriodEnd, billingAnchorAt } = state;
  const moved = (at: Date | null): Date | null => at && new Date(at.getTime() + now.getTime() - suspendedAt.getTime());
  const trialEndsAt = moved(state.trialEndsAt);
  const graceEndsAt = moved(state.graceEndsAt);
  const active: SubscriptionState = { ...state, status: 'active', trialEndsAt, graceEndsAt };
  const isWaiting = graceEndsAt !== null && currentPeriodEnd <= suspendedAt;
  if (currentPeriodEnd > now || cancelAtPeriodEnd || isWaiting) return active;
  return renewed(active, scheduledTier ?? tier, billingPeriodAt(billingAnchorAt, now));
}

function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}
