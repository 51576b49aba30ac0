/**
 * The burn order and the life of a hold once more, in plain TypeScript, one member at a time and without a database. It exists to
 * contradict the SQL: nothing here is shared with it. Times are milliseconds, amounts µcr; grants are known by their key.
 */
export interface ReferenceGrant {
  key: string;
  source: 'subscription' | 'rollover' | 'purchase' | 'promo' | 'adjustment' | 'proration';
  priority: number;
  effectiveAt: number;
  expiresAt: number | null;
  createdAt: number;
  total: bigint;
  used: bigint;
  expired: bigint;
  held: bigint;
  isClosed: boolean;
  periodIndex: number | null;
}

export interface ReferenceHold {
  id: string;
  amount: bigint;
  slices: { key: string; amount: bigint }[];
  state: 'pending' | 'settled' | 'voided' | 'expired' | 'settled_late';
  expiresAt: number;
  cost: bigint | null;
  newDebt: bigint;
}

export interface ReferenceClose {
  carried: bigint;
  capLeft: bigint;
  forfeited: bigint;
}

export interface ReferenceAccount {
  grants: ReferenceGrant[];
  holds: Map<string, ReferenceHold>;
  closes: Map<number, ReferenceClose>;
  debt: bigint;
  /** `kind grant-or-debt hold amount`, sorted when compared. */
  postings: string[];
  /** When the rollover grant of a period begins and ends. */
  rolloverValidity: (periodIndex: number) => { start: number; end: number };
}

export interface ReferenceSettlement {
  account: ReferenceAccount;
  id: string;
  state: 'settled' | 'voided' | 'expired';
  cost: bigint;
  /** What the request knows of its hold, or null. */
  carried: { amount: bigint; expiresAt: number } | null;
}

export function remaining(grant: ReferenceGrant): bigint {
  return grant.total - grant.used - grant.expired;
}

/** Grants that may be burned now, in order. */
export function burnable(account: ReferenceAccount, now: number): ReferenceGrant[] {
  const lastly = Number.POSITIVE_INFINITY;
  return account.grants
    .filter(
      (grant) => !grant.isClosed && grant.effectiveAt <= now && (grant.expiresAt === null || grant.expiresAt > now),
    )
    .filter((grant) => remaining(grant) > grant.held)
    .sort(
      (one, other) =>
        one.priority - other.priority ||
        compare(one.expiresAt ?? lastly, other.expiresAt ?? lastly) ||
        one.createdAt - other.createdAt ||
        compare(one.key, other.key),
    );
}

export function available(account: ReferenceAccount, now: number): bigint {
  return burnable(account, now).reduce((sum, grant) => sum + remaining(grant) - grant.held, 0n) - account.debt;
}

/** Takes a hold or says why not. */
export function reserve(
  account: ReferenceAccount,
  request: { id: string; amount: bigint; expiresAt: number },
  now: number,
): 'held' | 'repeat' | 'debt_outstanding' | 'insufficient' {
  if (account.holds.has(request.id)) return 'repeat';
  if (request.amount > 0n && account.debt > 0n) return 'debt_outstanding';
  if (request.amount > 0n && available(account, now) < request.amount) return 'insufficient';
  const slices: ReferenceHold['slices'] = [];
  let need = request.amount;
  for (const grant of burnable(account, now)) {
    if (need === 0n) break;
    const free = remaining(grant) - grant.held;
    const take = free < need ? free : need;
    grant.held += take;
    need -= take;
    slices.push({ key: grant.key, amount: take });
  }
  account.holds.set(request.id, { ...request, slices, state: 'pending', cost: null, newDebt: 0n });
  return 'held';
}

/** Ends holds: first every member within its hold, then, as they came, those whose cost goes beyond it. */
export function settleBatch(members: ReferenceSettlement[], now: number): ('done' | 'repeat' | 'unknown')[] {
  const beyond: { account: ReferenceAccount; hold: ReferenceHold; rest: bigint }[] = [];
  const givenBack = new Set<ReferenceAccount>();
  const outcomes = members.map((member) => {
    const hold = member.account.holds.get(member.id);
    if (hold?.state === 'pending' && (member.state !== 'expired' || hold.expiresAt <= now)) {
      endWithin(member, hold, now);
      givenBack.add(member.account);
      if (member.cost > hold.amount) {
        beyond.push({ account: member.account, hold, rest: member.cost - hold.amount });
      }
      return 'done';
    }
    if (member.state === 'settled' && member.carried && (!hold || hold.state === 'expired')) {
      const late: ReferenceHold = hold ?? {
        id: member.id,
        amount: member.carried.amount,
        slices: [],
        state: 'settled_late',
        expiresAt: member.carried.expiresAt,
        cost: null,
        newDebt: 0n,
      };
      late.state = 'settled_late';
      late.cost = member.cost;
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

function endWithin(member: ReferenceSettlement, hold: ReferenceHold, now: number): void {
  const { account } = member;
  hold.state = member.state;
  hold.cost = member.cost;
  let left = member.cost;
  for (const slice of hold.slices) {
    const grant = grantOf(account, slice.key);
    const used = left < slice.amount ? left : slice.amount;
    left -= used;
    grant.held -= slice.amount;
    grant.used += used;
    if (used > 0n) post(account, 'usage', grant.key, hold.id, -used);
    giveBack(account, { grant, holdId: hold.id, amount: slice.amount - used }, now);
    closeIfEmpty(grant);
  }
}

function giveBack(
  account: ReferenceAccount,
  back: { grant: ReferenceGrant; holdId: string; amount: bigint },
  now: number,
): void {
  const { grant, holdId, amount } = back;
  if (amount === 0n) return;
  if (grant.source !== 'subscription' && grant.source !== 'proration') {
    if (grant.expiresAt === null || grant.expiresAt > now) return;
    grant.expired += amount;
    post(account, 'expiry', grant.key, holdId, -amount);
    return;
  }
  if (!grant.isClosed) return;
  const period = grant.periodIndex ?? -1;
  const close = account.closes.get(period);
  const target = account.grants.find((one) => one.key === rolloverKey(grant));
  const validity = target
    ? { start: target.effectiveAt, end: target.expiresAt ?? Number.POSITIVE_INFINITY }
    : account.rolloverValidity(period);
  let carry = close ? min(amount, close.capLeft) : 0n;
  if (validity.end <= now) carry = 0n;
  if (carry > 0n) {
    if (target) {
      target.total += carry;
      target.isClosed = false;
    } else {
      account.grants.push({
        key: rolloverKey(grant),
        source: 'rollover',
        priority: 20,
        effectiveAt: validity.start,
        expiresAt: validity.end,
        createdAt: now,
        total: carry,
        used: 0n,
        expired: 0n,
        held: 0n,
        isClosed: false,
        periodIndex: period,
      });
    }
    post(account, 'roll_out', grant.key, holdId, -carry);
    post(account, 'roll_in', rolloverKey(grant), holdId, carry);
  }
  if (amount > carry) post(account, 'forfeit', grant.key, holdId, carry - amount);
  grant.expired += amount;
  if (close) {
    close.carried += carry;
    close.capLeft -= carry;
    close.forfeited += amount - carry;
  }
}

function chargeBeyond(account: ReferenceAccount, hold: ReferenceHold, cost: bigint, now: number): void {
  let rest = cost;
  for (const grant of burnable(account, now)) {
    if (rest === 0n) break;
    const take = min(rest, remaining(grant) - grant.held);
    grant.used += take;
    rest -= take;
    post(account, 'usage', grant.key, hold.id, -take);
    closeIfEmpty(grant);
  }
  if (rest > 0n) post(account, 'debt', '-', hold.id, rest);
  account.debt += rest;
  hold.newDebt = rest;
}

/** Free credits and a debt never stand side by side. */
function repayDebt(account: ReferenceAccount, now: number): void {
  for (const grant of burnable(account, now)) {
    if (account.debt === 0n) return;
    const take = min(account.debt, remaining(grant) - grant.held);
    grant.used += take;
    account.debt -= take;
    closeIfEmpty(grant);
  }
}

function rolloverKey(grant: ReferenceGrant): string {
  return `rollover:${grant.periodIndex}`;
}

function closeIfEmpty(grant: ReferenceGrant): void {
  if (remaining(grant) === 0n) grant.isClosed = true;
}

function grantOf(account: ReferenceAccount, key: string): ReferenceGrant {
  const grant = account.grants.find((one) => one.key === key);
  if (!grant) throw new Error(`the reference has no grant ${key}`);
  return grant;
}

function post(account: ReferenceAccount, kind: string, ...line: [grant: string, hold: string, amount: bigint]): void {
  account.postings.push([kind, ...line].join(' '));
}

function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function compare(one: string | number, other: string | number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
