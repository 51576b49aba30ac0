import {
  burnable,
  free,
  grantOf,
  isEligible,
  min,
  monthsAfter,
  newGrant,
  post,
  type ReferenceAccount,
  type ReferenceGrant,
  type ReferenceHold,
  remaining,
} from './reference-account.js';

/** Burns what a hold covers of its cost; the rest of each slice goes back where it came from. */
export function endWithin(account: ReferenceAccount, hold: ReferenceHold, now: number): void {
  let left = hold.cost ?? 0n;
  for (const slice of hold.slices) {
    const grant = grantOf(account, slice.key);
    const used = min(left, slice.amount);
    left -= used;
    grant.held -= slice.amount;
    grant.used += used;
    post(account, { kind: 'usage', grant: grant.key, hold: hold.id, amount: -used });
    if (isEligible(grant)) giveBackToPeriod(account, { grant, holdId: hold.id, amount: slice.amount - used }, now);
    else giveBack(account, { grant, holdId: hold.id, amount: slice.amount - used }, now);
    closeIfEmpty(grant);
  }
}

interface Returned {
  grant: ReferenceGrant;
  holdId: string;
  amount: bigint;
}

function giveBack(account: ReferenceAccount, { grant, holdId, amount }: Returned, now: number): void {
  if (grant.expiresAt === null || grant.expiresAt > now) return;
  grant.expired += amount;
  post(account, { kind: 'expiry', grant: grant.key, hold: holdId, amount: -amount });
}

/** What comes back after the period's close is carried as far as the cap still allows, and forfeited beyond it. */
function giveBackToPeriod(account: ReferenceAccount, { grant, holdId, amount }: Returned, now: number): void {
  const { period } = grant;
  if (amount === 0n || !grant.isClosed || !period) return;
  const close = account.closes.get(`${period.subscription.name}:${period.index}`);
  const carry = close ? carryBack(account, { grant, holdId, amount: min(amount, close.capLeft) }, now) : 0n;
  post(account, { kind: 'forfeit', grant: grant.key, hold: holdId, amount: carry - amount });
  grant.expired += amount;
  if (close) {
    close.left += amount;
    close.carried += carry;
    close.capLeft -= carry;
    close.forfeited += amount - carry;
  }
}

/** Into the period's rollover grant, which is made where there is none. Returns what was carried: nothing once that grant's time is over. */
function carryBack(account: ReferenceAccount, { grant, holdId, amount }: Returned, now: number): bigint {
  const { period } = grant;
  if (amount === 0n || !period) return 0n;
  const { subscription, index } = period;
  const key = `rollover:${subscription.name}:${index}`;
  let target = account.grants.find((one) => one.key === key);
  const months = account.plans[subscription.tier].rolloverPeriods;
  const following = followingPeriod(account, period);
  const expiresAt = target ? target.expiresAt : monthsAfter(subscription.anchor, following + months);
  if (expiresAt !== null && expiresAt <= now) return 0n;
  if (!target) {
    const effectiveAt = monthsAfter(subscription.anchor, following);
    target = newGrant({ key, source: 'rollover', effectiveAt, expiresAt, createdAt: now, total: 0n, period });
    account.grants.push(target);
  }
  target.total += amount;
  target.isClosed = false;
  post(account, { kind: 'roll_out', grant: grant.key, hold: holdId, amount: -amount });
  post(account, { kind: 'roll_in', grant: key, hold: holdId, amount });
  return amount;
}

/** The period that followed one that is closed: under a suspension, not the next by the calendar. */
function followingPeriod(
  { closes }: ReferenceAccount,
  { subscription, index }: NonNullable<ReferenceGrant['period']>,
): number {
  for (let later = index + 1; later < subscription.index; later += 1) {
    if (closes.has(`${subscription.name}:${later}`)) return later;
  }
  return subscription.index;
}

/** Cost that no hold covers: other grants, then debt. */
export function chargeBeyond(account: ReferenceAccount, hold: ReferenceHold, cost: bigint, now: number): void {
  let rest = cost;
  for (const grant of burnable(account, now)) {
    const take = min(rest, free(grant));
    grant.used += take;
    rest -= take;
    post(account, { kind: 'usage', grant: grant.key, hold: hold.id, amount: -take });
    closeIfEmpty(grant);
  }
  post(account, { kind: 'debt', grant: '-', hold: hold.id, amount: rest });
  account.debt += rest;
  hold.newDebt = rest;
}

/** Free credits and a debt never stand side by side. */
export function repayDebt(account: ReferenceAccount, now: number): void {
  for (const grant of burnable(account, now)) {
    const take = min(account.debt, free(grant));
    grant.used += take;
    account.debt -= take;
    post(account, { kind: 'debt_repayment', grant: grant.key, amount: -take });
    closeIfEmpty(grant);
  }
}

export function closeIfEmpty(grant: ReferenceGrant): void {
  if (remaining(grant) === 0n) grant.isClosed = true;
}
