/**
 * The burn order and the life of a hold once more, in plain TypeScript, one member at a time and without a database. It exists to
 * contradict the SQL: nothing here is shared with it.
 */
import { available, burnable, free, min, type ReferenceAccount, type ReferenceHold } from './reference-account.js';
import { chargeBeyond, endWithin, repayDebt } from './reference-burning.js';

export interface ReferenceSettlement {
  account: ReferenceAccount;
  id: string;
  state: 'settled' | 'voided' | 'expired';
  cost: bigint;
  /** What the request knows of its hold, or null. */
  carried: { amount: bigint; expiresAt: number } | null;
}

export type ReserveOutcome =
  'held' | 'repeat' | 'subscription_inactive' | 'period_due' | 'debt_outstanding' | 'insufficient';

/** Takes a hold or says why not. */
export function reserve(
  account: ReferenceAccount,
  request: { id: string; amount: bigint; expiresAt: number },
  now: number,
): ReserveOutcome {
  if (account.holds.has(request.id)) return 'repeat';
  if (account.suspendedAt !== null) return 'subscription_inactive';
  if (account.dueAt !== null && account.dueAt <= now) return 'period_due';
  if (request.amount > 0n && account.debt > 0n) return 'debt_outstanding';
  if (request.amount > 0n && available(account, now) < request.amount) return 'insufficient';
  const slices: ReferenceHold['slices'] = [];
  let need = request.amount;
  for (const grant of burnable(account, now)) {
    if (need === 0n) break;
    const take = min(free(grant), need);
    grant.held += take;
    need -= take;
    slices.push({ key: grant.key, amount: take });
  }
  account.holds.set(request.id, { ...request, slices, state: 'pending', cost: null, newDebt: 0n });
  return 'held';
}

/** A pending hold lives longer, never shorter. */
export function extend(account: ReferenceAccount, id: string, expiresAt: number): boolean {
  const hold = account.holds.get(id);
  if (hold?.state !== 'pending') return false;
  hold.expiresAt = Math.max(hold.expiresAt, expiresAt);
  return true;
}

/** Ends holds: first every member within its hold, then, as they came, those whose cost goes beyond it. */
export function settleBatch(members: ReferenceSettlement[], now: number): ('done' | 'repeat' | 'unknown')[] {
  const beyond: { account: ReferenceAccount; hold: ReferenceHold; rest: bigint }[] = [];
  const givenBack = new Set<ReferenceAccount>();
  const outcomes = members.map((member) => {
    const hold = member.account.holds.get(member.id);
    if (hold?.state === 'pending' && (member.state !== 'expired' || hold.expiresAt <= now)) {
      hold.state = member.state;
      hold.cost = member.cost;
      endWithin(member.account, hold, now);
      givenBack.add(member.account);
      if (member.cost > hold.amount) {
        beyond.push({ account: member.account, hold, rest: member.cost - hold.amount });
      }
      return 'done';
    }
    if (member.state === 'settled' && member.carried && (!hold || hold.state === 'expired')) {
      const late = lateHold(member, hold);
      member.account.holds.set(member.id, late);
      beyond.push({ account: member.account, hold: late, rest: member.cost });
      return 'done';
    }
    return hold ? 'repeat' : 'unknown';
  });
  for (const account of givenBack) repayDebt(account, now);
  for (const { account, hold, rest } of beyond) chargeBeyond(account, hold, rest, now);
  return outcomes;
}

function lateHold({ id, cost, carried }: ReferenceSettlement, expired: ReferenceHold | undefined): ReferenceHold {
  const { amount, expiresAt } = expired ?? carried ?? { amount: 0n, expiresAt: 0 };
  return { id, amount, slices: expired?.slices ?? [], state: 'settled_late', expiresAt, cost, newDebt: 0n };
}

/** Ends every hold whose time is over, in the order of their ids. Returns how many. */
export function sweep(account: ReferenceAccount, now: number): number {
  const expired = [...account.holds.values()].filter((hold) => hold.state === 'pending' && hold.expiresAt <= now);
  expired.sort((one, other) => (one.id < other.id ? -1 : 1));
  settleBatch(
    expired.map(({ id }) => ({ account, id, state: 'expired' as const, cost: 0n, carried: null })),
    now,
  );
  return expired.length;
}
