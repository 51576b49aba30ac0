/** Billing periods and what may happen to a subscription, once more and without the product's rules. */
import { repayDebt } from './reference-burning.js';
import {
  free,
  isEligible,
  min,
  monthsAfter,
  newGrant,
  post,
  type ReferenceAccount,
  type ReferenceGrant,
  type ReferenceSubscription,
  type Tier,
} from './reference-account.js';

export function live(account: ReferenceAccount): ReferenceSubscription | undefined {
  return account.subscriptions.find(({ status }) => status === 'active' || status === 'suspended');
}

export function periodEnd({ anchor, index }: ReferenceSubscription): number {
  return monthsAfter(anchor, index + 1);
}

/** When a subscription must be looked at next. */
export function dueAt(one: ReferenceSubscription): number | null {
  return one.status === 'active' ? allowanceEnd(one) : null;
}

/** When the credits of the present period end. */
export function allowanceEnd(one: ReferenceSubscription): number {
  const end = periodEnd(one);
  if (one.graceEndsAt === null) return Math.min(one.trialEndsAt ?? end, end);
  return one.isCancelling ? Math.min(one.graceEndsAt, end) : one.graceEndsAt;
}

/** Everything that has come due, in order. Returns how many periods were closed. */
export function closeDue(account: ReferenceAccount, now: number): number {
  let closed = 0;
  for (let one = live(account); one && isDue(account, now); one = live(account)) {
    const end = periodEnd(one);
    const trialOrGrace = one.graceEndsAt ?? one.trialEndsAt;
    if (trialOrGrace !== null && trialOrGrace === allowanceEnd(one)) {
      endAt(account, { one, status: 'expired', at: trialOrGrace }, now);
    } else if (one.isCancelling) endAt(account, { one, status: 'cancelled', at: end }, now);
    else renew(account, one, now);
    closed += 1;
  }
  return closed;
}

export function isDue(account: ReferenceAccount, now: number): boolean {
  return account.dueAt !== null && account.dueAt <= now;
}

/** The next period opens. */
function renew(account: ReferenceAccount, one: ReferenceSubscription, now: number): void {
  one.tier = one.scheduled ?? one.tier;
  one.scheduled = null;
  if (one.tier === 'free') one.trialEndsAt = null;
  close(account, one, { opens: one.index + 1, gives: true }, now);
  one.index += 1;
  one.allowance = account.plans[one.tier].monthly;
  one.owed = 0n;
  account.dueAt = dueAt(one);
}

/** A subscription ends and the free plan follows from that moment on. */
export function endAt(
  account: ReferenceAccount,
  ending: { one: ReferenceSubscription; status: 'cancelled' | 'expired'; at: number },
  now: number,
): void {
  finish(account, ending.one, ending.status, now);
  open(account, { tier: 'free', anchor: ending.at, trialEndsAt: null }, now);
}

export function finish(
  account: ReferenceAccount,
  one: ReferenceSubscription,
  status: 'cancelled' | 'expired',
  now: number,
): void {
  close(account, one, null, now);
  one.status = status;
  one.scheduled = null;
  account.dueAt = null;
  account.suspendedAt = null;
}

export function open(
  account: ReferenceAccount,
  opening: { tier: Tier; anchor: number; trialEndsAt: number | null },
  now: number,
): void {
  const name = `s${account.subscriptions.length}`;
  const one: ReferenceSubscription = {
    name,
    ...opening,
    status: 'active',
    index: 0,
    isCancelling: false,
    graceEndsAt: null,
    scheduled: null,
    allowance: account.plans[opening.tier].monthly,
    owed: 0n,
  };
  account.subscriptions.push(one);
  account.dueAt = dueAt(one);
  allow(account, one, 0, now);
}

/**
 * Ends the subscription's period once. `next` is the period that opens, and whether it has an allowance; null when nothing follows, and then
 * nothing is carried.
 */
export function close(
  account: ReferenceAccount,
  one: ReferenceSubscription,
  next: { opens: number; gives: boolean } | null,
  now: number,
): void {
  const name = `${one.name}:${one.index}`;
  if (account.closes.has(name)) throw new Error(`the reference closed ${name} twice`);
  const plan = account.plans[one.tier];
  const ended = account.grants
    .filter((grant) => isEligible(grant) && !grant.isClosed)
    .filter(({ period }) => period?.subscription === one && period.index === one.index)
    .sort((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0) || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  const left = ended.reduce((sum, grant) => sum + free(grant), 0n);
  const cap = next ? min(plan.max, (plan.monthly * plan.percent) / 100n) : 0n;
  const carried = next && left >= plan.minCarry ? min(left, cap) : 0n;
  let rest = carried;
  for (const grant of ended) {
    const out = min(free(grant), rest);
    rest -= out;
    post(account, { kind: 'roll_out', grant: grant.key, amount: -out });
    post(account, { kind: 'forfeit', grant: grant.key, amount: out - free(grant) });
    grant.expired += free(grant);
    grant.isClosed = true;
  }
  account.closes.set(name, { left, carried, capLeft: cap - carried, forfeited: left - carried });
  if (!next) return;
  if (carried > 0n) {
    const key = `rollover:${one.name}:${one.index}`;
    const effectiveAt = monthsAfter(one.anchor, next.opens);
    const expiresAt = monthsAfter(one.anchor, next.opens + plan.rolloverPeriods);
    const period = { subscription: one, index: one.index };
    const grant = newGrant({ key, source: 'rollover', effectiveAt, expiresAt, createdAt: now, total: carried, period });
    account.grants.push(grant);
    post(account, { kind: 'roll_in', grant: key, amount: carried });
  }
  if (next.gives) allow(account, one, next.opens, now);
  // A promise that has begun meanwhile waits for what is carried, or for the next credits.
  if (carried > 0n) repayDebt(account, now);
}

/** The allowance of a period. */
function allow(account: ReferenceAccount, one: ReferenceSubscription, index: number, now: number): void {
  const grant = newGrant({
    key: `allowance:${one.name}:${index}`,
    source: 'subscription',
    effectiveAt: monthsAfter(one.anchor, index),
    expiresAt: Math.min(monthsAfter(one.anchor, index + 1), one.trialEndsAt ?? Number.POSITIVE_INFINITY),
    createdAt: now,
    total: account.plans[one.tier].monthly,
    period: { subscription: one, index },
  });
  give(account, grant, now);
}

/** Credits come, and repay open debt first. */
export function give(account: ReferenceAccount, grant: ReferenceGrant, now: number): void {
  account.grants.push(grant);
  post(account, { kind: 'grant', grant: grant.key, amount: grant.total });
  if (grant.effectiveAt > now) return;
  const repaid = min(account.debt, grant.total);
  grant.used = repaid;
  account.debt -= repaid;
  grant.isClosed = repaid === grant.total;
  post(account, { kind: 'debt_repayment', grant: grant.key, amount: -repaid });
}
