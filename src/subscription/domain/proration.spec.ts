import fc from 'fast-check';
import { billingPeriod } from './billing-period.js';
import { effectOf, prorationUcr } from './proration.js';

const instant = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
const allowance = fc.bigInt({ min: 0n, max: 10n ** 13n });
/** Some period, and a moment in it. */
const moment = fc
  .tuple(instant, fc.nat({ max: 40 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([anchor, index, share]) => {
    const period = billingPeriod(anchor, index);
    const length = period.end.getTime() - period.start.getTime();
    return { period, now: new Date(period.start.getTime() + Math.floor(length * share)) };
  });

describe('proration', () => {
  it('gives the whole difference at the start, half of it at half time, nothing at the end', () => {
    const period = { start: new Date('2026-06-01T00:00:00Z'), end: new Date('2026-07-01T00:00:00Z') };
    const pro = { fromUcr: 100_000_000n, toUcr: 2_000_000_000n };
    expect(prorationUcr(pro, period, period.start)).toBe(1_900_000_000n);
    expect(prorationUcr(pro, period, new Date('2026-06-16T00:00:00Z'))).toBe(950_000_000n);
    expect(prorationUcr(pro, period, period.end)).toBe(0n);
    expect(prorationUcr(pro, period, new Date('2026-08-01T00:00:00Z'))).toBe(0n);
  });

  it('rounds down to a whole µcr', () => {
    const period = { start: new Date(0), end: new Date(3) };
    expect(prorationUcr({ fromUcr: 0n, toUcr: 10n }, period, new Date(1))).toBe(6n);
    expect(prorationUcr({ fromUcr: 10n, toUcr: 0n }, period, new Date(1))).toBe(-7n);
  });

  it('never leaves more after a change there and back', () => {
    fc.assert(
      fc.property(moment, allowance, allowance, ({ period, now }, fromUcr, toUcr) => {
        const there = prorationUcr({ fromUcr, toUcr }, period, now);
        const back = prorationUcr({ fromUcr: toUcr, toUcr: fromUcr }, period, now);
        expect(there + back).toBeLessThanOrEqual(0n);
        expect(there + back).toBeGreaterThanOrEqual(-1n);
      }),
    );
  });

  it('never exceeds the difference, and never grows with time', () => {
    fc.assert(
      fc.property(moment, allowance, allowance, fc.nat({ max: 86_400_000 }), ({ period, now }, one, other, later) => {
        const [fromUcr, toUcr] = one < other ? [one, other] : [other, one];
        const worth = prorationUcr({ fromUcr, toUcr }, period, now);
        expect(worth >= 0n && worth <= toUcr - fromUcr).toBe(true);
        expect(prorationUcr({ fromUcr, toUcr }, period, new Date(now.getTime() + later))).toBeLessThanOrEqual(worth);
      }),
    );
  });
});

describe('a change at once', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 13n });

  it('gives its worth, and takes back at most what is free', () => {
    expect(effectOf(5n, { freeUcr: 0n, owedUcr: 0n })).toEqual({ creditsUcr: 5n, owedUcr: 0n });
    expect(effectOf(-5n, { freeUcr: 9n, owedUcr: 0n })).toEqual({ creditsUcr: -5n, owedUcr: 0n });
    expect(effectOf(-5n, { freeUcr: 2n, owedUcr: 1n })).toEqual({ creditsUcr: -2n, owedUcr: 4n });
  });

  it('gives less by what is owed, and never less than nothing', () => {
    expect(effectOf(5n, { freeUcr: 0n, owedUcr: 3n })).toEqual({ creditsUcr: 2n, owedUcr: 0n });
    expect(effectOf(5n, { freeUcr: 7n, owedUcr: 8n })).toEqual({ creditsUcr: 0n, owedUcr: 3n });
  });

  it('loses nothing: what was not given or taken is owed', () => {
    const worth = fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n });
    fc.assert(
      fc.property(worth, amount, amount, (worthUcr, freeUcr, owedUcr) => {
        const effect = effectOf(worthUcr, { freeUcr, owedUcr });
        expect(effect.creditsUcr - effect.owedUcr).toBe(worthUcr - owedUcr);
        expect(effect.owedUcr >= 0n && effect.creditsUcr + freeUcr >= 0n).toBe(true);
      }),
    );
  });

  it('there and back gives nothing, however much was used', () => {
    fc.assert(
      fc.property(moment, allowance, allowance, amount, ({ period, now }, fromUcr, toUcr, freeUcr) => {
        const there = effectOf(prorationUcr({ fromUcr, toUcr }, period, now), { freeUcr, owedUcr: 0n });
        const state = { freeUcr: freeUcr + there.creditsUcr, owedUcr: there.owedUcr };
        const back = effectOf(prorationUcr({ fromUcr: toUcr, toUcr: fromUcr }, period, now), state);
        expect(there.creditsUcr + back.creditsUcr).toBeLessThanOrEqual(0n);
      }),
    );
  });
});
