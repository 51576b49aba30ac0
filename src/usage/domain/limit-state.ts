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

/** Every limit of a plan at `now`, in the order in which `reserve` looks at them. Windows are in UTC as the database has them. */
export function limitStates(limits: RequestLimits, used: CountedUse, now: Date): LimitState[] {
  const [minute, day, month] = [evenWindow(now, MINUTE_MS), evenWindow(now, DAY_MS), monthOf(now)];
  return [
    stateOf('concurrent_requests', limits.concurrentRequests, used.pending, null),
    stateOf('requests_per_minute', limits.requestsPerMinute, used.minuteRequests, minute),
    stateOf('tokens_per_minute', limits.tokensPerMinute, used.minuteTokens, minute),
    stateOf('requests_per_day', limits.requestsPerDay, used.dayRequests, day),
    stateOf('tokens_per_day', limits.tokensPerDay, used.dayTokens, day),
    stateOf('requests_per_month', limits.requestsPerMonth, used.monthRequests, month),
    stateOf('tokens_per_month', limits.tokensPerMonth, used.monthTokens, month),
  ];
}

function stateOf(
  name: LimitName,
  most: number | bigint | null,
  count: number | bigint,
  window: LimitState['window'],
): LimitState {
  const [limit, used] = [most === null ? null : BigInt(most), BigInt(count)];
  const rest = limit === null ? null : limit - used;
  return { name, limit, used, remaining: rest !== null && rest < 0n ? 0n : rest, window };
}

/** The window that a limit counts at `now`. */
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
