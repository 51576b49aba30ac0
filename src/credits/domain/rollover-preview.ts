/** How much of what is left of a period may be carried into the next one. */
export interface RolloverRule {
  /** Of the next allowance, 0 to 100. */
  percent: number;
  maxUcr: bigint;
  /** What is left below this is not carried at all. */
  minCarryUcr: bigint;
}

export interface Rollover {
  carriedUcr: bigint;
  forfeitedUcr: bigint;
  /** What holds that are still open may add to what is carried. */
  capLeftUcr: bigint;
}

/** The most that is carried: a share of the next allowance, rounded down, and never more than the plan's maximum. */
export function rolloverCapUcr(rule: Pick<RolloverRule, 'percent' | 'maxUcr'>, nextAllowanceUcr: bigint): bigint {
  const share = (nextAllowanceUcr * BigInt(rule.percent)) / 100n;
  return share < rule.maxUcr ? share : rule.maxUcr;
}

/** What becomes of `leftUcr` at the end of a period: the same rule as `tollgate.close_periods`, which alone moves credits. */
export function previewRollover(leftUcr: bigint, rule: RolloverRule, nextAllowanceUcr: bigint): Rollover {
  const capUcr = rolloverCapUcr(rule, nextAllowanceUcr);
  const most = leftUcr < capUcr ? leftUcr : capUcr;
  const carriedUcr = leftUcr < rule.minCarryUcr ? 0n : most;
  return { carriedUcr, forfeitedUcr: leftUcr - carriedUcr, capLeftUcr: capUcr - carriedUcr };
}
