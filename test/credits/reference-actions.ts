/** What people do to subscriptions and books, with the refusals that they may meet. */
import { closeIfEmpty, repayDebt } from './reference-burning.js';
import {
  allowanceEnd,
  close,
  closeDue,
  dueAt,
  endAt,
  finish,
  give,
  live,
  open,
  periodEnd,
} from './reference-periods.js';
import {
  DAY_MS,
  free,
  grantOf,
  isEligible,
  min,
  monthsAfter,
  newGrant,
  post,
  type ReferenceAccount,
  type ReferenceGrant,
  type ReferencePosting,
  type ReferenceSubscription,
  remaining,
  type Tier,
} from './reference-account.js';

export type Action =
  | { name: 'cancel' | 'resume' | 'suspend' | 'reinstate' | 'past_due' | 'recover' | 'convert' | 'end' }
  | { name: 'extend'; until: number }
  | { name: 'change'; tier: Tier; when: 'now' | 'period_end' | undefined };

const RANKS: readonly Tier[] = ['free', 'pro', 'pro_max', 'enterprise'];

/** Due periods, the action, and what comes due by it. Says what was refused. */
export function act(
  account: ReferenceAccount,
  one: ReferenceSubscription,
  action: Action,
  now: number,
): 'done' | 'refused' {
  const isPastDue = one.graceEndsAt !== null;
  closeDue(account, now);
  if (!isAllowed(one, action, isPastDue)) return 'refused';
  const endedAt = allowanceEnd(one);
  apply(account, one, action, now);
  if (live(account) === one) {
    for (const grant of ofPeriod(account, one)) grant.expiresAt = allowanceEnd(one);
    // What had ended under a suspension is free again.
    if (allowanceEnd(one) !== endedAt) repayDebt(account, now);
    account.dueAt = dueAt(one);
    account.suspendedAt = one.status === 'suspended' ? now : null;
  }
  closeDue(account, now);
  return 'done';
}

/** The table of what is possible in which state. */
function isAllowed(one: ReferenceSubscription, action: Action, wasPastDue: boolean): boolean {
  if (action.name === 'reinstate') return one.status === 'suspended';
  if (action.name === 'end') return (one.status === 'active' || one.status === 'suspended') && one.tier !== 'free';
  if (one.status !== 'active') return false;
  switch (action.name) {
    case 'cancel':
      return one.tier !== 'free' && !one.isCancelling;
    case 'resume':
      return one.isCancelling;
    case 'suspend':
      return true;
    case 'past_due':
      return one.tier !== 'free' && one.graceEndsAt === null;
    case 'recover':
      return one.graceEndsAt !== null;
    case 'convert':
      return one.trialEndsAt !== null;
    case 'extend': {
      const present = wasPastDue ? one.graceEndsAt : one.trialEndsAt;
      return present !== null && action.until > present;
    }
    case 'change':
      return one.graceEndsAt === null && (action.tier !== one.tier || one.scheduled !== null);
  }
}

function apply(account: ReferenceAccount, one: ReferenceSubscription, action: Action, now: number): void {
  switch (action.name) {
    case 'cancel':
    case 'resume':
      one.isCancelling = action.name === 'cancel';
      return;
    case 'suspend':
      one.status = 'suspended';
      return;
    case 'reinstate':
      return reinstate(account, one, now);
    case 'past_due':
      one.graceEndsAt = now + account.plans[one.tier].graceDays * DAY_MS;
      return;
    case 'recover':
      one.graceEndsAt = null;
      // What is paid for is no trial.
      if (one.trialEndsAt !== null && one.trialEndsAt <= now) one.trialEndsAt = null;
      return;
    case 'convert':
      one.trialEndsAt = null;
      return;
    case 'end':
      return endAt(account, { one, status: 'cancelled', at: now }, now);
    case 'extend':
      if (one.graceEndsAt === null) one.trialEndsAt = action.until;
      else one.graceEndsAt = action.until;
      return;
    case 'change':
      return change(account, one, action, now);
  }
}

/**
 * What was to end after some days ends after those days. Allowances of months that passed meanwhile are skipped; what was left is carried as if
 * this month followed directly, in its tier. Only what a payment was to bring before is still to come.
 */
function reinstate(account: ReferenceAccount, one: ReferenceSubscription, now: number): void {
  const since = account.suspendedAt ?? now;
  one.status = 'active';
  if (one.trialEndsAt !== null) one.trialEndsAt += now - since;
  if (one.graceEndsAt !== null) one.graceEndsAt += now - since;
  if (periodEnd(one) > now || one.isCancelling || (one.graceEndsAt !== null && periodEnd(one) <= since)) return;
  let index = one.index;
  while (monthsAfter(one.anchor, index + 1) <= now) index += 1;
  one.tier = one.scheduled ?? one.tier;
  one.scheduled = null;
  close(account, one, { opens: index, gives: false }, now);
  one.index = index;
  one.allowance = account.plans[one.tier].monthly;
  one.owed = 0n;
  if (one.tier !== 'free') return;
  one.trialEndsAt = null;
  one.graceEndsAt = null;
}

/** The credits that end with the present period, used up or not. */
function ofPeriod(account: ReferenceAccount, one: ReferenceSubscription): ReferenceGrant[] {
  return account.grants.filter(
    (grant) => isEligible(grant) && grant.period?.subscription === one && grant.period.index === one.index,
  );
}

function change(
  account: ReferenceAccount,
  one: ReferenceSubscription,
  { tier, when }: Extract<Action, { name: 'change' }>,
  now: number,
): void {
  one.scheduled = null;
  if (tier === one.tier) return;
  one.isCancelling = false;
  const isUp = RANKS.indexOf(tier) > RANKS.indexOf(one.tier);
  if (when === 'period_end' || (when === undefined && !isUp)) {
    one.scheduled = tier;
    return;
  }
  const end = periodEnd(one);
  const length = BigInt(end - monthsAfter(one.anchor, one.index));
  const share = (account.plans[tier].monthly - one.allowance) * BigInt(Math.max(0, end - now));
  // Rounded down, which for a smaller plan means: away from zero.
  const worth = share < 0n && share % length !== 0n ? share / length - 1n : share / length;
  one.tier = tier;
  if (tier === 'free') one.trialEndsAt = null;
  one.allowance = account.plans[tier].monthly;
  const given = worth - min(worth, one.owed);
  if (worth > 0n) one.owed -= worth - given;
  if (given > 0n) {
    const count = account.grants.filter(({ source }) => source === 'proration').length;
    const period = { subscription: one, index: one.index };
    const of = {
      key: `change:${count}`,
      source: 'proration' as const,
      effectiveAt: now,
      expiresAt: allowanceEnd(one),
      period,
    };
    give(account, newGrant({ ...of, createdAt: now, total: given }), now);
  } else if (worth < 0n) one.owed += takeBack(account, one, -worth);
}

/** What a smaller plan no longer covers, newest first and at most what is free. Returns what is missing. */
function takeBack(account: ReferenceAccount, one: ReferenceSubscription, amount: bigint): bigint {
  let rest = amount;
  const open = ofPeriod(account, one).filter((grant) => !grant.isClosed);
  const grants = open.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  for (const grant of grants) {
    const taken = min(rest, free(grant));
    rest -= taken;
    grant.expired += taken;
    post(account, { kind: 'adjustment', grant: grant.key, amount: -taken });
    if (taken > 0n) closeIfEmpty(grant);
  }
  return rest;
}

/** A plan from its beginning; nothing for who is on it. */
export function startPlan(account: ReferenceAccount, tier: Tier, isTrial: boolean, now: number): 'done' | 'refused' {
  if (isTrial && account.plans[tier].trialDays === 0) return 'refused';
  closeDue(account, now);
  const one = live(account);
  if (one?.tier === tier) return 'done';
  if (one) finish(account, one, 'cancelled', now);
  const trialEndsAt = isTrial ? now + account.plans[tier].trialDays * DAY_MS : null;
  open(account, { tier, anchor: now, trialEndsAt }, now);
  return 'done';
}

function isOver(account: ReferenceAccount, grant: ReferenceGrant, now: number): boolean {
  if (grant.expiresAt !== null && grant.expiresAt <= now) return true;
  if (!isEligible(grant) || !grant.period) return false;
  const { subscription, index } = grant.period;
  return account.closes.has(`${subscription.name}:${index}`) || live(account) !== subscription;
}

/** An operator adds to a grant or takes from it. */
export function adjust(account: ReferenceAccount, key: string, amount: bigint, now: number): 'done' | 'refused' {
  const grant = grantOf(account, key);
  if (isOver(account, grant, now) || free(grant) + amount < 0n) return 'refused';
  if (amount > 0n) grant.total += amount;
  else grant.expired -= amount;
  grant.isClosed = remaining(grant) === 0n;
  post(account, { kind: 'adjustment', grant: key, amount });
  repayDebt(account, now);
  return 'done';
}

/** Cancels one line, or all that a request cost. */
export function reverse(account: ReferenceAccount, lines: ReferencePosting[], now: number): 'done' | 'refused' {
  if (lines.length === 0 || !lines.every((line) => isReversible(account, line, now))) return 'refused';
  for (const line of lines) {
    const amount = -line.amount;
    const isCharge = line.kind === 'usage' || line.kind === 'debt';
    line.reversal = 'reversed';
    const { grant, hold } = line;
    post(account, { kind: isCharge ? 'refund' : 'adjustment', grant, hold, amount, reversal: 'reverses' });
    if (grant === '-') {
      account.debt += amount;
      continue;
    }
    const reopened = grantOf(account, grant);
    if (isCharge) reopened.used -= amount;
    else if (amount > 0n) reopened.total += amount;
    else reopened.expired -= amount;
    reopened.isClosed = remaining(reopened) === 0n;
  }
  repayDebt(account, now);
  return 'done';
}

function isReversible(account: ReferenceAccount, line: ReferencePosting, now: number): boolean {
  if (line.reversal !== 'none' || !['usage', 'debt', 'grant', 'adjustment'].includes(line.kind)) return false;
  if (line.grant === '-') return account.debt >= line.amount;
  const grant = grantOf(account, line.grant);
  return !isOver(account, grant, now) && free(grant) >= line.amount;
}

/** Takes what is over off the books. */
export function expire(account: ReferenceAccount, now: number): void {
  for (const grant of account.grants) {
    if (isEligible(grant) || grant.isClosed || grant.expiresAt === null || grant.expiresAt > now) continue;
    post(account, { kind: 'expiry', grant: grant.key, amount: -free(grant) });
    grant.expired += free(grant);
    grant.isClosed = grant.held === 0n;
  }
}
