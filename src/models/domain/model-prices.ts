import type { ModelMeta } from './model-meta.js';

/** Rates per token: whole µcr, or whole nano-USD. `image` is null where images are priced as ordinary input. */
export interface PartRates {
  input: bigint;
  cachedInput: bigint;
  cacheWrite: bigint;
  output: bigint;
  image: bigint | null;
}

export interface PriceBasis {
  creditsUcr: PartRates;
  costNusd: PartRates;
}

export interface ModelPrices {
  standard: PriceBasis;
  /** The price of the whole request when its input is above that many tokens. */
  longContext: (PriceBasis & { aboveInputTokens: number }) | null;
}

/** The rates of a model, or null when it has no complete price. A part without a rate of its own is charged as ordinary input. */
export function modelPrices(meta: ModelMeta): ModelPrices | null {
  const { creditsPer1kTokens, creditRates = {}, longContext, providerCosts = {} } = meta;
  const costs = rates(
    { input: meta.inputCostPerMillionTokens, output: meta.outputCostPerMillionTokens, ...providerCosts },
    BigInt,
  );
  const credits = rates(
    {
      ...creditRates,
      input: creditRates.input ?? creditsPer1kTokens,
      output: creditRates.output ?? creditsPer1kTokens,
    },
    ucrPerToken,
  );
  if (!costs || !credits) return null;
  const standard: PriceBasis = { creditsUcr: credits, costNusd: costs };
  if (!longContext) return { standard, longContext: null };
  return {
    standard,
    longContext: {
      aboveInputTokens: longContext.aboveInputTokens,
      creditsUcr: override(credits, longContext.creditRates ?? {}, ucrPerToken),
      costNusd: override(costs, longContext.costs, BigInt),
    },
  };
}

/**
 * Credits per 1 000 tokens as micro-credits per token: 2 is 2 000.
 * @throws RangeError for a rate with more than 3 decimals, which no stored meta has.
 */
export function ucrPerToken(creditsPer1kTokens: number): bigint {
  const match = /^(\d+)(?:\.(\d{1,3}))?$/.exec(String(creditsPer1kTokens));
  if (!match) throw new RangeError(`credits per 1 000 tokens must have at most 3 decimals: ${creditsPer1kTokens}`);
  const [, whole = '0', fraction = ''] = match;
  return BigInt(whole) * 1_000n + BigInt(fraction.padEnd(3, '0'));
}

type Figures = { [Part in keyof PartRates]?: number | undefined };

function rates(figures: Figures, toRate: (figure: number) => bigint): PartRates | null {
  const { input, cachedInput, cacheWrite, output, image } = figures;
  if (input === undefined || output === undefined) return null;
  return {
    input: toRate(input),
    cachedInput: toRate(cachedInput ?? input),
    cacheWrite: toRate(cacheWrite ?? input),
    output: toRate(output),
    image: image === undefined ? null : toRate(image),
  };
}

/** A part that the longer price leaves out keeps the standard rate, unless it is a part of an input that it does name. */
function override(standard: PartRates, figures: Figures, toRate: (figure: number) => bigint): PartRates {
  const pick = (figure: number | undefined, fallback: bigint): bigint =>
    figure === undefined ? fallback : toRate(figure);
  const input = pick(figures.input, standard.input);
  const follows = (part: bigint): bigint => (part === standard.input ? input : part);
  return {
    input,
    cachedInput: pick(figures.cachedInput, follows(standard.cachedInput)),
    cacheWrite: pick(figures.cacheWrite, follows(standard.cacheWrite)),
    output: pick(figures.output, standard.output),
    image: figures.image === undefined ? standard.image : toRate(figures.image),
  };
}
