import fc from 'fast-check';
import { driftPercent, isBeyond } from './usage-drift.js';

const amount = fc.bigInt({ min: 0n, max: 10n ** 18n });

describe('the drift between the ledger and a provider', () => {
  it('is nothing exactly where both say the same', () => {
    fc.assert(
      fc.property(amount, amount, (ledger, provider) => {
        expect(isBeyond(ledger, provider, 0)).toBe(ledger !== provider);
        expect(isBeyond(provider, provider, 0)).toBe(false);
      }),
    );
  });

  it('is beyond no threshold that it is within by percent', () => {
    fc.assert(
      fc.property(
        amount,
        amount.filter((provider) => provider > 0n),
        fc.integer({ min: 0, max: 100 }),
        (ledger, provider, percent) => {
          const drift = driftPercent(ledger, provider)!;
          if (Math.abs(drift) > percent) expect(isBeyond(ledger, provider, percent)).toBe(true);
          if (Math.abs(drift) + 0.01 < percent) expect(isBeyond(ledger, provider, percent)).toBe(false);
        },
      ),
    );
  });

  it.each([
    [110n, 100n, 10],
    [95n, 100n, -5],
    [0n, 100n, -100],
    [7n, 0n, null],
    [0n, 0n, 0],
  ])('of %s to %s is %s percent', (ledger, provider, percent) => {
    expect(driftPercent(ledger, provider)).toBe(percent);
  });
});
