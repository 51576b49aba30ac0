import fc from 'fast-check';
import { formatCredits, parseCredits } from './micro-credits.js';
import { ceilDiv, formatMoney } from './money.js';

describe('micro-credits', () => {
  it('survive the way through a decimal string', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 18n), 10n ** 18n), (amount) => parseCredits(formatCredits(amount)) === amount),
    );
  });

  it('are shown with six digits', () => {
    expect(formatCredits(12_500_000n)).toBe('12.500000');
    expect(formatCredits(1n)).toBe('0.000001');
    expect(formatCredits(-1n)).toBe('-0.000001');
    expect(formatCredits(0n)).toBe('0.000000');
  });

  it.each(['', '1.', '.5', '1e3', '0.0000001', '1,5', ' 1', '+1', 'NaN', '1'.repeat(16)])('refuse %p', (text) => {
    expect(() => parseCredits(text)).toThrow(RangeError);
  });
});

describe('money', () => {
  it('is shown in USD with nine digits', () => {
    expect(formatMoney(12_300_000n)).toEqual({ amount: '0.012300000', currency: 'USD' });
  });

  it('is divided upwards: never below the exact quotient, and by less than one above', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 20n), fc.bigInt(1n, 10n ** 9n), (numerator, denominator) => {
        const result = ceilDiv(numerator, denominator);
        expect(result * denominator).toBeGreaterThanOrEqual(numerator);
        expect((result - 1n) * denominator).toBeLessThan(numerator);
      }),
    );
  });
});
