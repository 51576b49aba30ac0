/** The thresholds (percent) that the spending has reached. Nothing is rounded: 79.999 % of a limit has not reached 80. */
export function reachedThresholds(spent: bigint, limit: bigint, thresholds: readonly number[]): number[] {
  return thresholds.filter((threshold) => spent * 100n >= limit * BigInt(threshold));
}
