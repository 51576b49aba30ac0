import fc from 'fast-check';
import { NO_USAGE, totalUsage, type UsageSum } from './usage-sum.js';

const count = fc.nat({ max: 1_000_000 });
const amount = fc.bigInt({ min: 0n, max: 10n ** 20n });
const counts = fc.oneof(fc.constant<number[]>([]), fc.array(count, { minLength: 4, maxLength: 4 }));
const usageSum: fc.Arbitrary<UsageSum> = fc.record({
  requestCount: count,
  errorCount: count,
  inputTokens: amount,
  cachedInputTokens: amount,
  cacheWriteTokens: amount,
  outputTokens: amount,
  imageCount: amount,
  imageTokens: amount,
  creditsUcr: amount,
  costNusd: amount,
  latencies: counts,
  firstTokens: counts,
});

describe('the total of sums', () => {
  it('is nothing for none, and each figure added up for many, however they are divided', () => {
    expect(totalUsage([])).toEqual(NO_USAGE);
    fc.assert(
      fc.property(fc.array(usageSum), fc.array(usageSum), (some, others) => {
        const all = [...some, ...others];
        const total = totalUsage(all);
        expect(total).toEqual(totalUsage([totalUsage(some), totalUsage(others)]));
        expect(total.creditsUcr).toBe(all.reduce((sum, { creditsUcr }) => sum + creditsUcr, 0n));
        expect(total.latencies[2] ?? 0).toBe(all.reduce((sum, { latencies }) => sum + (latencies[2] ?? 0), 0));
      }),
    );
  });
});
