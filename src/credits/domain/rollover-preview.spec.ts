import fc from 'fast-check';
import { previewRollover, rolloverCapUcr } from './rollover-preview.js';

const amount = fc.bigInt({ min: 0n, max: 10n ** 13n });
const rule = fc.record({ percent: fc.integer({ min: 0, max: 100 }), maxUcr: amount, minCarryUcr: amount });

describe('rollover', () => {
  it('carries at most a share of the next allowance and at most the plan’s maximum', () => {
    const pro = { percent: 50, maxUcr: 1_000n, minCarryUcr: 1n };
    expect(previewRollover(300n, pro, 2_000n)).toEqual({ carriedUcr: 300n, forfeitedUcr: 0n, capLeftUcr: 700n });
    expect(previewRollover(1_700n, pro, 2_000n)).toEqual({ carriedUcr: 1_000n, forfeitedUcr: 700n, capLeftUcr: 0n });
    expect(previewRollover(1_700n, pro, 101n)).toEqual({ carriedUcr: 50n, forfeitedUcr: 1_650n, capLeftUcr: 0n });
  });

  it('forfeits whole what is less than the minimum, and leaves the cap to holds that are still open', () => {
    expect(previewRollover(9n, { percent: 100, maxUcr: 50n, minCarryUcr: 10n }, 100n)).toEqual({
      carriedUcr: 0n,
      forfeitedUcr: 9n,
      capLeftUcr: 50n,
    });
  });

  it('never carries more than the cap, never more than is left, and loses nothing', () => {
    fc.assert(
      fc.property(amount, rule, amount, (leftUcr, terms, nextAllowanceUcr) => {
        const { carriedUcr, forfeitedUcr, capLeftUcr } = previewRollover(leftUcr, terms, nextAllowanceUcr);
        const capUcr = rolloverCapUcr(terms, nextAllowanceUcr);
        expect(carriedUcr + forfeitedUcr).toBe(leftUcr);
        expect(carriedUcr + capLeftUcr).toBe(capUcr);
        expect(carriedUcr >= 0n && forfeitedUcr >= 0n && capLeftUcr >= 0n).toBe(true);
        expect(carriedUcr === 0n || leftUcr >= terms.minCarryUcr).toBe(true);
      }),
    );
  });
});
