/** What was spent in a while that ends now, in the smallest unit of whatever is counted. */
export interface RecentSpend {
  amount: bigint;
  durationMs: number;
}

/** What a period will have cost at its end, when the rest of it goes on as of late. Rounded down. */
export function forecastSpend(spent: bigint, recent: RecentSpend, remainingMs: number): bigint {
  if (recent.durationMs <= 0 || remainingMs <= 0) return spent;
  return spent + (recent.amount * BigInt(Math.round(remainingMs))) / BigInt(Math.round(recent.durationMs));
}
