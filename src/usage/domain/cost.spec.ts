import fc from 'fast-check';
import type { ModelPrices, PartRates } from '../../models/domain/model-prices.js';
import { chargeFor, chargedParts, type TokenUsage, upperBoundUcr } from './cost.js';

const rate = fc.bigInt(0n, 50_000n);
const partRates: fc.Arbitrary<PartRates> = fc.record({
  input: rate,
  cachedInput: rate,
  cacheWrite: rate,
  output: rate,
  image: fc.option(rate),
});
const priceBasis = fc.record({ creditsUcr: partRates, costNusd: partRates });
const prices: fc.Arbitrary<ModelPrices> = fc.record({
  standard: priceBasis,
  longContext: fc.option(
    fc.record({ aboveInputTokens: fc.nat({ max: 200_000 }), creditsUcr: partRates, costNusd: partRates }),
  ),
});
const usage: fc.Arbitrary<TokenUsage> = fc
  .record({
    plain: fc.nat({ max: 100_000 }),
    cached: fc.nat({ max: 100_000 }),
    written: fc.nat({ max: 100_000 }),
    image: fc.nat({ max: 100_000 }),
    output: fc.nat({ max: 100_000 }),
  })
  .map(({ plain, cached, written, image, output }) => ({
    inputTokens: plain + cached + written + image,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    imageTokens: image,
    outputTokens: output,
    reasoningTokens: 0,
    imageCount: image > 0 ? 1 : 0,
    source: 'provider' as const,
  }));

function flat(ucr: bigint): ModelPrices {
  const rates = { input: ucr, cachedInput: ucr, cacheWrite: ucr, output: ucr, image: null };
  return { standard: { creditsUcr: rates, costNusd: rates }, longContext: null };
}

const none = {
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  imageCount: 0,
  source: 'provider' as const,
};

describe('the charge of a usage', () => {
  it('is tokens times rate: 1 000 + 500 tokens at 2 credits per 1 000 are 3 credits', () => {
    expect(chargeFor(flat(2_000n), { ...none, inputTokens: 1_000, outputTokens: 500 }).creditsUcr).toBe(3_000_000n);
  });

  it('prices cached reads, cache writes and images as parts of the input', () => {
    const rates = { input: 10n, cachedInput: 1n, cacheWrite: 12n, output: 40n, image: 5n };
    const charge = chargeFor(
      { standard: { creditsUcr: rates, costNusd: rates }, longContext: null },
      { ...none, inputTokens: 100, cachedInputTokens: 20, cacheWriteTokens: 10, imageTokens: 30, outputTokens: 7 },
    );
    expect(charge).toEqual({ creditsUcr: 400n + 20n + 120n + 150n + 280n, costNusd: 970n, priceBasis: 'standard' });
  });

  it('counts images as ordinary input where they have no rate of their own', () => {
    expect(chargeFor(flat(3n), { ...none, inputTokens: 100, imageTokens: 30, outputTokens: 0 }).creditsUcr).toBe(300n);
  });

  it('takes the long-context price for the whole request, from one token above the bound on', () => {
    const long = { aboveInputTokens: 200, ...flat(4n).standard };
    const both: ModelPrices = { ...flat(2n), longContext: long };
    expect(chargeFor(both, { ...none, inputTokens: 200, outputTokens: 1 })).toMatchObject({
      creditsUcr: 402n,
      priceBasis: 'standard',
    });
    expect(chargeFor(both, { ...none, inputTokens: 201, outputTokens: 1 })).toMatchObject({
      creditsUcr: 808n,
      priceBasis: 'long_context',
    });
  });

  it('of zero usage is zero: an estimate never replaces it', () => {
    fc.assert(
      fc.property(prices, (price) => {
        expect(chargeFor(price, { ...none, inputTokens: 0, outputTokens: 0 }).creditsUcr).toBe(0n);
      }),
    );
  });

  it('is never negative and never above the upper bound of the same tokens', () => {
    fc.assert(
      fc.property(prices, usage, (price, used) => {
        const charge = chargeFor(price, used);
        expect(charge.creditsUcr).toBeGreaterThanOrEqual(0n);
        expect(charge.creditsUcr).toBeLessThanOrEqual(upperBoundUcr(price, used));
      }),
    );
  });

  it('stays below a bound made for more input than was used', () => {
    fc.assert(
      fc.property(prices, usage, fc.nat({ max: 100_000 }), (price, used, more) => {
        const bound = upperBoundUcr(price, { inputTokens: used.inputTokens + more, outputTokens: used.outputTokens });
        expect(chargeFor(price, used).creditsUcr).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it('splits the input without losing a token', () => {
    fc.assert(
      fc.property(usage, fc.boolean(), (used, hasImageRate) => {
        const parts = chargedParts(used, hasImageRate);
        expect(parts.input + parts.cachedInput + parts.cacheWrite + parts.image).toBe(used.inputTokens);
      }),
    );
  });

  it('never turns contradictory usage into a negative part', () => {
    const parts = chargedParts({ ...none, inputTokens: 5, cachedInputTokens: 9, outputTokens: 0 }, false);
    expect(parts).toMatchObject({ input: 0, cachedInput: 9 });
  });
});
