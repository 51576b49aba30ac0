export const LIMIT_NAMES = [
  'concurrent_requests',
  'requests_per_minute',
  'tokens_per_minute',
  'requests_per_day',
  'tokens_per_day',
  'requests_per_month',
  'tokens_per_month',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

/** The limits of one request, as its tier has them; null does not apply. */
export interface RequestLimits {
  concurrentRequests: number | null;
  requestsPerMinute: number | null;
  tokensPerMinute: bigint | null;
  requestsPerDay: number | null;
  tokensPerDay: bigint | null;
  requestsPerMonth: number | null;
  tokensPerMonth: bigint | null;
}

/** What the limits count of an account, this member included where it was taken. */
export interface CountedUse {
  pending: number;
  minuteRequests: number;
  minuteTokens: bigint;
  dayRequests: number;
  dayTokens: bigint;
  monthRequests: number;
  monthTokens: bigint;
}

/** As `tollgate.reserve_batch` answers it. Null where there is no account. */
export function toCountedUse([pending, ...counters]: readonly (string | number | bigint | null)[]): CountedUse | null {
  if (pending === null || pending === undefined) return null;
  const [minuteRequests, minuteTokens, dayRequests, dayTokens, monthRequests, monthTokens] = counters;
  return {
    pending: Number(pending),
    minuteRequests: Number(minuteRequests),
    minuteTokens: BigInt(minuteTokens ?? 0),
    dayRequests: Number(dayRequests),
    dayTokens: BigInt(dayTokens ?? 0),
    monthRequests: Number(monthRequests),
    monthTokens: BigInt(monthTokens ?? 0),
  };
}
