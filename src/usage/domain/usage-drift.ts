/**
 * How far the ledger is from what the provider says, in percent of the provider's figure with two decimals; positive where the ledger has
 * more. Null where the provider says that there was nothing and the ledger disagrees.
 */
export function driftPercent(ledger: bigint, provider: bigint): number | null {
  if (ledger === provider) return 0;
  if (provider === 0n) return null;
  return Number(((ledger - provider) * 10_000n) / provider) / 100;
}

/** Whether the two differ by more than `thresholdPercent` of the provider's figure. */
export function isBeyond(ledger: bigint, provider: bigint, thresholdPercent: number): boolean {
  const difference = ledger > provider ? ledger - provider : provider - ledger;
  return difference * 10_000n > provider * BigInt(Math.round(thresholdPercent * 100));
}
