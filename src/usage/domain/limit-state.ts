import type { CountedUse, LimitName, RequestLimits } from '../../credits/domain/request-limits.js';

/** One limit of a plan, as far as it is used. */
export interface LimitState {
  name: LimitName;
  /** Null where the plan has none. */
  limit: bigint | null;
  used: bigint;
  /** Null where there is no limit. */
  remaining: bigint | null;
  /** The window that is counted; null for what is counted at this moment. */
  window: { startsAt: Date; resetAt: Date } | null;
}

/** What the requests of an account without one have used. */
export const NOTHING_USED: CountedUse = {
  pending: 0,
  minuteRequests: 0,
  minuteTokens: 0n,
  dayRequests: 0,
  dayTokens: 0n,
  monthRequests: 0,
  monthTokens: 0n,
};

/** Every limit of a plan at `now`, in the order in which `reserve` looks at them. */
export function limitStates(limits: RequestLimits, used: CountedUse, now: Date): LimitState[] {
  const of = (name: LimitName, limit: number | bigint | null, count: number | bigint): LimitState => {
    const [most, counted] = [limit === null ? null : BigInt(limit), BigInt(count)];
    const rest = most === null ? null : most - counted;
    const remaining = rest !== null && rest < 0n ? 0n : rest;
    return { name, limit: most, used: counted, remaining, window: windowOf(name, now) };
  };
  return [
    of('concurrent_requests', limits.concurrentRequests, used.pending),
    of('requests_per_minute', limits.requestsPerMinute, used.minuteRequests),
    of('tokens_per_minute', limits.tokensPerMinute, used.minuteTokens),
    of('requests_per_day', limits.requestsPerDay, used.dayRequests),
    of('tokens_per_day', limits.tokensPerDay, used.dayTokens),
    of('requests_per_month', limits.requestsPerMonth, used.monthRequests),
    of('tokens_per_month', limits.tokensPerMonth, used.monthTokens),
  ];
}

/** The window that a limit counts at `now`, in UTC as the database has it. */
export function windowOf(name: LimitName, now: Date): LimitState['window'] {
  if (name.endsWith('minute')) return evenWindow(now, MINUTE_MS);
  if (name.endsWith('day')) return evenWindow(now, DAY_MS);
  return name.endsWith('month') ? monthOf(now) : null;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function evenWindow(now: Date, lengthMs: number): LimitState['window'] {
  const start = Math.floor(now.getTime() / lengthMs) * lengthMs;
  return { startsAt: new Date(start), resetAt: new Date(start + lengthMs) };
}

function monthOf(now: Date): LimitState['window'] {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return { startsAt: new Date(Date.UTC(year, month)), resetAt: new Date(Date.UTC(year, month + 1)) };
}

/** Whole seconds until a window starts again; at least one, because zero asks for a storm. */
export function secondsUntil(resetAt: Date, now: Date): number {
  return Math.max(1, Math.ceil((resetAt.getTime() - now.getTime()) / 1_000));
}
