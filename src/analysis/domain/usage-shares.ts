import type { TokenUsage } from '../../usage/domain/cost.js';

/** By what a request has its share of a call that it made together with others. Whole numbers, not negative. */
export interface ShareWeights {
  /** Of what was sent. */
  input: number;
  /** Of what was answered. */
  output: number;
}

/**
 * Each member's share of the tokens of one call, by its weights: whole tokens of every part that has a price of its own, which together are
 * those of the call. Prices are linear within a price basis, so what the shares cost is together what the call costs.
 */
export function usageShares(usage: TokenUsage, members: readonly ShareWeights[]): TokenUsage[] {
  const inputs = members.map(({ input }) => input);
  const outputs = members.map(({ output }) => output);
  const { cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  const plainInput = shareOut(Math.max(0, usage.inputTokens - cachedInputTokens - cacheWriteTokens), inputs);
  const cached = shareOut(cachedInputTokens, inputs);
  const written = shareOut(cacheWriteTokens, inputs);
  const plainOutput = shareOut(Math.max(0, usage.outputTokens - reasoningTokens), outputs);
  const reasoning = shareOut(reasoningTokens, outputs);
  return members.map((_, index) => ({
    inputTokens: plainInput[index]! + cached[index]! + written[index]!,
    cachedInputTokens: cached[index]!,
    cacheWriteTokens: written[index]!,
    outputTokens: plainOutput[index]! + reasoning[index]!,
    reasoningTokens: reasoning[index]!,
    imageCount: 0,
    source: usage.source,
  }));
}

/**
 * Splits a whole number by weights into whole numbers that add up to it: each gets what is below its exact share, and what is left goes, one
 * by one, to those who lost most by that, of equals to the first (largest remainders). Without any weight all are equal.
 */
export function shareOut(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const counted = (sum > 0 ? weights : weights.map(() => 1)).map(BigInt);
  const whole = BigInt(sum > 0 ? sum : weights.length);
  const exact = counted.map((weight) => BigInt(total) * weight);
  const shares = exact.map((share) => Number(share / whole));
  const left = total - shares.reduce((all, share) => all + share, 0);
  const byLoss = exact
    .map((share, index) => ({ index, lost: share % whole }))
    .sort((one, other) => Number(other.lost - one.lost) || one.index - other.index);
  for (const { index } of byLoss.slice(0, left)) shares[index]! += 1;
  return shares;
}
