import fc from 'fast-check';
import { billingPeriod, billingPeriodAt } from './billing-period.js';

const anchors = fc.date({
  min: new Date('2020-01-01T00:00:00Z'),
  max: new Date('2035-12-31T23:59:59Z'),
  noInvalidDate: true,
});
const indexes = fc.integer({ min: 0, max: 240 });

describe('billing periods', () => {
  it('come back to the 31st after a shorter month, because they count from the anchor', () => {
    const anchor = new Date('2026-01-31T10:30:00Z');
    expect([0, 1, 2, 3].map((index) => billingPeriod(anchor, index).start.toISOString())).toEqual([
      '2026-01-31T10:30:00.000Z',
      '2026-02-28T10:30:00.000Z',
      '2026-03-31T10:30:00.000Z',
      '2026-04-30T10:30:00.000Z',
    ]);
  });

  it('know leap years', () => {
    expect(billingPeriod(new Date('2027-12-31T00:00:00Z'), 2).start.toISOString()).toBe('2028-02-29T00:00:00.000Z');
  });

  it('tile time: each ends where the next begins', () => {
    fc.assert(
      fc.property(anchors, indexes, (anchor, index) => {
        const period = billingPeriod(anchor, index);
        expect(period.end).toEqual(billingPeriod(anchor, index + 1).start);
        expect(period.start < period.end).toBe(true);
      }),
    );
  });

  it('keep the anchor’s day, or take the last of a shorter month', () => {
    fc.assert(
      fc.property(anchors, indexes, (anchor, index) => {
        const { start } = billingPeriod(anchor, index);
        const lastOfMonth = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 0)).getUTCDate();
        expect(start.getUTCDate()).toBe(Math.min(anchor.getUTCDate(), lastOfMonth));
      }),
    );
  });

  it('hold every moment in exactly one period', () => {
    fc.assert(
      fc.property(anchors, fc.integer({ min: 0, max: 20 * 365 * 86_400_000 }), (anchor, ms) => {
        const at = new Date(anchor.getTime() + ms);
        const period = billingPeriodAt(anchor, at);
        expect(period.start <= at && at < period.end).toBe(true);
        expect(billingPeriod(anchor, period.index)).toEqual(period);
      }),
    );
  });

  it('refuse a moment before the anchor', () => {
    expect(() => billingPeriodAt(new Date('2026-02-01T00:00:00Z'), new Date('2026-01-31T00:00:00Z'))).toThrow(
      RangeError,
    );
  });
});
