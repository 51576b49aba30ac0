/** Sums of calls. */
export interface UsageSum {
  requestCount: number;
  errorCount: number;
  inputTokens: bigint;
  cachedInputTokens: bigint;
  cacheWriteTokens: bigint;
  outputTokens: bigint;
  imageCount: bigint;
  imageTokens: bigint;
  creditsUcr: bigint;
  costNusd: bigint;
  /** Calls by the bounds of `LATENCY_BOUNDS_MS`. */
  latencies: number[];
  /** Streams by the time to their first token. */
  firstTokens: number[];
}

export const NO_USAGE: Readonly<UsageSum> = {
  requestCount: 0,
  errorCount: 0,
  inputTokens: 0n,
  cachedInputTokens: 0n,
  cacheWriteTokens: 0n,
  outputTokens: 0n,
  imageCount: 0n,
  imageTokens: 0n,
  creditsUcr: 0n,
  costNusd: 0n,
  latencies: [],
  firstTokens: [],
};

/** The sum of sums that have no call in common. */
export function totalUsage(sums: readonly UsageSum[]): UsageSum {
  return sums.reduce(
    (one, other) => ({
      requestCount: one.requestCount + other.requestCount,
      errorCount: one.errorCount + other.errorCount,
      inputTokens: one.inputTokens + other.inputTokens,
      cachedInputTokens: one.cachedInputTokens + other.cachedInputTokens,
      cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
      outputTokens: one.outputTokens + other.outputTokens,
      imageCount: one.imageCount + other.imageCount,
      imageTokens: one.imageTokens + other.imageTokens,
      creditsUcr: one.creditsUcr + other.creditsUcr,
      costNusd: one.costNusd + other.costNusd,
      latencies: addedCounts(one.latencies, other.latencies),
      firstTokens: addedCounts(one.firstTokens, other.firstTokens),
    }),
    NO_USAGE,
  );
}

/** Counts by position; an empty list has none of any. */
function addedCounts(one: readonly number[], other: readonly number[]): number[] {
  const longer = one.length < other.length ? other : one;
  return longer.map((_, index) => (one[index] ?? 0) + (other[index] ?? 0));
}
