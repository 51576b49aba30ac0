import fc from 'fast-check';
import { forecastSpend } from './spend-forecast.js';

describe('the forecast of spend', () => {
  it('adds the rest of the period at the recent rate', () => {
    expect(forecastSpend(300n, { amount: 70n, durationMs: 7 }, 10)).toBe(400n);
  });

  it('is what was spent where the period is over, or nothing is known of late', () => {
    expect(forecastSpend(300n, { amount: 70n, durationMs: 7 }, 0)).toBe(300n);
    expect(forecastSpend(300n, { amount: 0n, durationMs: 0 }, 10)).toBe(300n);
  });

  it('is never below what was spent, and never falls as more of the period is left', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n }),
        fc.bigInt({ min: 0n }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (spent, amount, ...ms) => {
          const [durationMs, first, more] = ms as [number, number, number];
          const [sooner, later] = [first, first + more].map((left) =>
            forecastSpend(spent, { amount, durationMs }, left),
          );
          expect(sooner! >= spent && later! >= sooner!).toBe(true);
        },
      ),
    );
  });
});
