import type { BoundRates } from '../../credits/domain/hold-estimate.js';
import { upperBoundUcr as boundUcr } from '../../credits/domain/hold-estimate.js';
import type { ModelPrices, PartRates } from '../../models/domain/model-prices.js';

/**
 * What a provider reports. `inputTokens` is all input billed, with cached reads, cache writes and images as parts of it; `outputTokens`
 * includes `reasoningTokens`.
 */
export interface TokenUsage {
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  imageTokens?: number;
  outputTokens: number;
  reasoningTokens: number;
  imageCount: number;
  source: 'provider' | 'estimated';
}

export interface Charge {
  creditsUcr: bigint;
  costNusd: bigint;
  priceBasis: 'standard' | 'long_context';
}

/** The tokens that are charged at one rate each; `image` holds those priced apart. */
export interface ChargedParts {
  input: number;
  cachedInput: number;
  cacheWrite: number;
  image: number;
  output: number;
}

/**
 * What a usage costs the user and us: `Σ part × rate`. Rates are whole µcr and nano-USD per token, so the sum is exact and nothing is left
 * to round. The price above a model's long-context bound holds for the whole request.
 */
export function chargeFor(prices: ModelPrices, usage: TokenUsage): Charge {
  const isLong = prices.longContext !== null && usage.inputTokens > prices.longContext.aboveInputTokens;
  const basis = isLong && prices.longContext ? prices.longContext : prices.standard;
  return {
    creditsUcr: amountAt(basis.creditsUcr, usage),
    costNusd: amountAt(basis.costNusd, usage),
    priceBasis: isLong ? 'long_context' : 'standard',
  };
}

/** A usage split by rate. Images count as ordinary input unless they have a rate of their own; no part is ever negative. */
export function chargedParts(usage: Omit<TokenUsage, 'source'>, hasImageRate: boolean): ChargedParts {
  const image = hasImageRate ? (usage.imageTokens ?? 0) : 0;
  const apart = usage.cachedInputTokens + usage.cacheWriteTokens + image;
  return {
    input: Math.max(0, usage.inputTokens - apart),
    cachedInput: usage.cachedInputTokens,
    cacheWrite: usage.cacheWriteTokens,
    image,
    output: usage.outputTokens,
  };
}

/** The highest rates that can apply to a request of at most `inputTokens`, whatever part of it turns out cached, written or an image. */
export function dearestRates(prices: ModelPrices, inputTokens: number): BoundRates {
  const bases = [prices.standard.creditsUcr];
  if (prices.longContext && inputTokens > prices.longContext.aboveInputTokens)
    bases.push(prices.longContext.creditsUcr);
  return {
    inputUcr: highest(bases.flatMap((rates) => [rates.input, rates.cachedInput, rates.cacheWrite, rates.image ?? 0n])),
    outputUcr: highest(bases.map((rates) => rates.output)),
  };
}

/** The most that a request within these bounds can cost, in µcr. */
export function upperBoundUcr(prices: ModelPrices, bounds: { inputTokens: number; outputTokens: number }): bigint {
  return boundUcr(dearestRates(prices, bounds.inputTokens), bounds);
}

function amountAt(rates: PartRates, usage: TokenUsage): bigint {
  const parts = chargedParts(usage, rates.image !== null);
  return (
    BigInt(parts.input) * rates.input +
    BigInt(parts.cachedInput) * rates.cachedInput +
    BigInt(parts.cacheWrite) * rates.cacheWrite +
    BigInt(parts.image) * (rates.image ?? 0n) +
    BigInt(parts.output) * rates.output
  );
}

function highest(rates: bigint[]): bigint {
  return rates.reduce((most, rate) => (rate > most ? rate : most), 0n);
}
