import fc from 'fast-check';
import { chargeFor } from '../../usage/domain/cost.js';
import { shareOut, usageShares } from './usage-shares.js';

const rates = fc.record({
  input: fc.bigInt(0n, 50_000n),
  cachedInput: fc.bigInt(0n, 50_000n),
  cacheWrite: fc.bigInt(0n, 50_000n),
  output: fc.bigInt(0n, 50_000n),
  image: fc.constant(null),
});
const usages = fc
  .record({
    plain: fc.nat(50_000),
    cached: fc.nat(5_000),
    written: fc.nat(5_000),
    output: fc.nat(9_000),
    thought: fc.nat(9_000),
  })
  .map(({ plain, cached, written, output, thought }) => ({
    inputTokens: plain + cached + written,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    outputTokens: output + thought,
    reasoningTokens: thought,
    imageCount: 0,
    source: 'provider' as const,
  }));
const members = fc.array(fc.record({ input: fc.nat(20_000), output: fc.nat(20_000) }), { minLength: 1, maxLength: 16 });
const total = <Item>(items: readonly Item[], pick: (item: Item) => bigint): bigint =>
  items.reduce((sum, item) => sum + pick(item), 0n);

describe('the shares of one call', () => {
  // Planted once: rounding each share by itself in place of the largest remainders; the sums differ by tokens.
  it('cost together exactly what the call costs, to the user and to us', () => {
    fc.assert(
      fc.property(usages, members, rates, rates, (usage, weights, creditsUcr, costNusd) => {
        const prices = { standard: { creditsUcr, costNusd }, longContext: null };
        const shares = usageShares(usage, weights);
        const whole = chargeFor(prices, usage);
        expect(total(shares, (share) => chargeFor(prices, share).creditsUcr)).toBe(whole.creditsUcr);
        expect(total(shares, (share) => chargeFor(prices, share).costNusd)).toBe(whole.costNusd);
      }),
    );
  });

  it('are never more than a token away from the exact share, and the same whenever they are worked out', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.array(fc.nat(20_000), { minLength: 1, maxLength: 16 }), (tokens, weights) => {
        const shares = shareOut(tokens, weights);
        const sum = weights.reduce((all, weight) => all + weight, 0);
        expect(shares.reduce((all, share) => all + share, 0)).toBe(tokens);
        for (const [index, share] of shares.entries()) {
          const exact = sum > 0 ? (tokens * weights[index]!) / sum : tokens / weights.length;
          expect(Math.abs(share - exact)).toBeLessThan(1.000_001);
        }
        expect(shareOut(tokens, weights)).toEqual(shares);
      }),
    );
  });

  it.each([
    [10, [1, 1, 1], [4, 3, 3]],
    [7, [0, 0], [4, 3]],
    [5, [9, 0, 1], [5, 0, 0]],
    [0, [3, 4], [0, 0]],
  ])('of %d by %j are %j', (tokens, weights, shares) => {
    expect(shareOut(tokens, weights)).toEqual(shares);
  });
});
