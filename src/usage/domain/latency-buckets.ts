/**
 * The upper bounds (ms, excluded) that latencies are counted by; a last bucket has what is above all of them. Steps of a quarter to a half:
 * a percentile read from them is at most that far off. The rollup stores counts by these positions, so a change of them needs a rebuild.
 */
export const LATENCY_BOUNDS_MS = [
  50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000,
  30_000, 45_000, 60_000, 90_000, 120_000,
] as const;

/**
 * The latency (ms) that `share` of the counted calls stay below, or null without any: interpolated within its bucket, and the last bound
 * for what lies above all of them.
 */
export function percentileMs(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const wanted = share * total;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const lower = LATENCY_BOUNDS_MS[index - 1] ?? 0;
      const upper = LATENCY_BOUNDS_MS[index] ?? lower;
      return Math.round(lower + ((upper - lower) * Math.max(0, wanted - below)) / count);
    }
    below += count;
  }
  return LATENCY_BOUNDS_MS.at(-1)!;
}
