import type { z } from 'zod';
import type { Tier } from '../../src/common/domain/tiers.js';
import type { ModelMeta } from '../../src/models/domain/model-meta.js';

type PriceMeta = Pick<
  z.input<typeof ModelMeta>,
  | 'inputCostPerMillionTokens'
  | 'outputCostPerMillionTokens'
  | 'providerCosts'
  | 'creditsPer1kTokens'
  | 'longContext'
  | 'requiredTier'
>;

/** USD per million tokens, as price lists write them. */
export interface ListPrice {
  input: number;
  output: number;
  cachedInput?: number;
  cacheWrite?: number;
  /** The price of a whole request above that input. */
  above?: { inputTokens: number; input: number; output: number; cachedInput: number };
}

/** What the product charges for a USD of output: the flat rate of a model covers its dearest part. */
const CREDITS_PER_USD = 0.2;
/** Up to which price per 1 000 tokens a plan has a model. */
const TIER_LIMITS: readonly [Tier, number][] = [
  ['free', 1],
  ['pro', 3],
  ['pro_max', Infinity],
];

/** Costs, credits and tier of a model from its list price. */
export function priced({ input, output, cachedInput, cacheWrite, above }: ListPrice): PriceMeta {
  const creditsPer1kTokens = credits(output);
  const providerCosts = {
    ...(cachedInput !== undefined && { cachedInput: thousandths(cachedInput) }),
    ...(cacheWrite !== undefined && { cacheWrite: thousandths(cacheWrite) }),
  };
  return {
    inputCostPerMillionTokens: thousandths(input),
    outputCostPerMillionTokens: thousandths(output),
    ...(Object.keys(providerCosts).length > 0 && { providerCosts }),
    creditsPer1kTokens,
    ...(above && {
      longContext: {
        aboveInputTokens: above.inputTokens,
        costs: {
          input: thousandths(above.input),
          output: thousandths(above.output),
          cachedInput: thousandths(above.cachedInput),
        },
        creditRates: {
          input: round((creditsPer1kTokens * above.input) / input),
          output: round((creditsPer1kTokens * above.output) / output),
        },
      },
    }),
    requiredTier: TIER_LIMITS.find(([, limit]) => creditsPer1kTokens <= limit)![0],
  };
}

function credits(usdPerMillion: number): number {
  return round(usdPerMillion * CREDITS_PER_USD);
}

function thousandths(usd: number): number {
  return Math.round(usd * 1_000);
}

/** Credits have three decimals. */
function round(rate: number): number {
  return Math.round(rate * 1_000) / 1_000;
}
