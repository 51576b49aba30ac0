/** What the reference knows of an account. Times are milliseconds, amounts µcr; grants are known by their key. */
export type Tier = 'free' | 'pro' | 'pro_max' | 'enterprise';

/** The figures of a plan that decide about credits. */
export interface ReferencePlan {
  monthly: bigint;
  percent: bigint;
  max: bigint;
  minCarry: bigint;
  rolloverPeriods: number;
  trialDays: number;
  graceDays: number;
}

export interface ReferenceGrant {
  key: string;
  /** What decides between grants that are equal in everything else: the database's own id, learned once it is there. */
  id: string;
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
  /** Of which subscription and period, or null. */
  period: { subscription: ReferenceSubscription; index: number } | null;
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
  left: bigint;
  carried: bigint;
  capLeft: bigint;
  forfeited: bigint;
}

export interface ReferencePosting {
  kind: string;
  /** The grant's key, or `-` for a line of the debt. */
  grant: string;
  hold: string;
  amount: bigint;
  /** How it was cancelled: it cancels another, or another cancels it. */
  reversal: 'none' | 'reversed' | 'reverses';
}

export interface ReferenceSubscription {
  name: string;
  tier: Tier;
  status: 'active' | 'suspended' | 'cancelled' | 'expired';
  anchor: number;
  index: number;
  isCancelling: boolean;
  trialEndsAt: number | null;
  graceEndsAt: number | null;
  scheduled: Tier | null;
  /** What the current period was given. */
  allowance: bigint;
  /** What a change downwards in this period should have taken back and could not. */
  owed: bigint;
}

export interface ReferenceAccount {
  plans: Record<Tier, ReferencePlan>;
  grants: ReferenceGrant[];
  holds: Map<string, ReferenceHold>;
  /** By `subscription:period`. */
  closes: Map<string, ReferenceClose>;
  subscriptions: ReferenceSubscription[];
  dueAt: number | null;
  suspendedAt: number | null;
  debt: bigint;
  postings: ReferencePosting[];
}

export const DAY_MS = 86_400_000;

export const PRIORITY: Record<ReferenceGrant['source'], number> = {
  promo: 10,
  rollover: 20,
  subscription: 30,
  proration: 30,
  purchase: 40,
  adjustment: 50,
};

export function newAccount(plans: Record<Tier, ReferencePlan>): ReferenceAccount {
  return {
    plans,
    grants: [],
    holds: new Map(),
    closes: new Map(),
    subscriptions: [],
    dueAt: null,
    suspendedAt: null,
    debt: 0n,
    postings: [],
  };
}

export function newGrant(
  of: Pick<ReferenceGrant, 'key' | 'source' | 'effectiveAt' | 'expiresAt' | 'createdAt' | 'total' | 'period'>,
): ReferenceGrant {
  return { ...of, id: '', priority: PRIORITY[of.source], used: 0n, expired: 0n, held: 0n, isClosed: false };
}

export function remaining(grant: ReferenceGrant): bigint {
  return grant.total - grant.used - grant.expired;
}

export function free(grant: ReferenceGrant): bigint {
  return remaining(grant) - grant.held;
}

/** Ends with its period's close, and what is left of it may be carried. */
export function isEligible(grant: ReferenceGrant): boolean {
  return grant.source === 'subscription' || grant.source === 'proration';
}

/** Grants that may be burned now, in order. */
export function burnable(account: ReferenceAccount, now: number): ReferenceGrant[] {
  const lastly = Number.POSITIVE_INFINITY;
  return account.grants
    .filter(
      (grant) => !grant.isClosed && grant.effectiveAt <= now && (grant.expiresAt === null || grant.expiresAt > now),
    )
    .filter((grant) => free(grant) > 0n)
    .sort(
      (one, other) =>
        one.priority - other.priority ||
        compare(one.expiresAt ?? lastly, other.expiresAt ?? lastly) ||
        one.createdAt - other.createdAt ||
        compare(one.id, other.id),
    );
}

export function available(account: ReferenceAccount, now: number): bigint {
  return burnable(account, now).reduce((sum, grant) => sum + free(grant), 0n) - account.debt;
}

/** The same day of a later month, or the last one of a month that is too short. */
export function monthsAfter(anchor: number, months: number): number {
  const from = new Date(anchor);
  const first = Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1);
  const lastDay = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months + 1, 0)).getUTCDate();
  return first + (Math.min(from.getUTCDate(), lastDay) - 1) * DAY_MS + (anchor % DAY_MS);
}

export function grantOf(account: ReferenceAccount, key: string): ReferenceGrant {
  const grant = account.grants.find((one) => one.key === key);
  if (!grant) throw new Error(`the reference has no grant ${key}`);
  return grant;
}

export function post(
  account: ReferenceAccount,
  line: Omit<ReferencePosting, 'hold' | 'reversal'> & Partial<ReferencePosting>,
): void {
  if (line.amount !== 0n) account.postings.push({ hold: '-', reversal: 'none', ...line });
}

export function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function compare(one: string | number, other: string | number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
