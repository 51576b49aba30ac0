import fc from 'fast-check';
import { reachedThresholds } from './budget-thresholds.js';

describe('thresholds of a budget', () => {
  it.each([
    [79_999n, []],
    [80_000n, [80]],
    [100_000n, [80, 100]],
    [250_000n, [80, 100]],
  ])('at %d of 100000 are %j', (spent, reached) => {
    expect(reachedThresholds(spent, 100_000n, [80, 100])).toEqual(reached);
  });

  it('once reached stay reached as more is spent', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 18n });
    fc.assert(
      fc.property(amount, amount, fc.bigInt({ min: 1n, max: 10n ** 18n }), (spent, more, limit) => {
        const before = reachedThresholds(spent, limit, [1, 50, 100, 200]);
        expect(reachedThresholds(spent + more, limit, [1, 50, 100, 200])).toEqual(expect.arrayContaining(before));
      }),
    );
  });
});
