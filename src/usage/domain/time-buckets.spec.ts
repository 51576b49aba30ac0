import fc from 'fast-check';
import { isTimeZone, isWholeHour, monthOf, timeBuckets, timePieces } from './time-buckets.js';

const HOUR_MS = 3_600_000;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/Santiago'];

describe('buckets of time', () => {
  it.each(['Mars/Olympus', '+02:00', '', "UTC'; drop table users", '2', 'Europe', 'US/Pacific-New'])(
    'take no zone %j',
    (name) => {
      expect(isTimeZone(name)).toBe(false);
    },
  );

  it.each([...ZONES, 'europe/berlin'])('take the zone %s', (name) => expect(isTimeZone(name)).toBe(true));

  it.each([
    ['2026-03-28T23:00Z', '2026-03-29T22:00Z', 'Europe/Berlin', 23],
    ['2026-10-24T22:00Z', '2026-10-25T23:00Z', 'Europe/Berlin', 25],
    ['2026-03-08T05:00Z', '2026-03-09T04:00Z', 'America/New_York', 23],
    ['2026-11-01T04:00Z', '2026-11-02T05:00Z', 'America/New_York', 25],
    ['2026-06-30T18:30Z', '2026-07-01T18:30Z', 'Asia/Kolkata', 24],
  ])('make one day of %s to %s in %s, of %d hours', (from, to, zone, hours) => {
    const day = { from: new Date(from), to: new Date(to) };
    expect(timeBuckets(day, 'day', zone)).toHaveLength(1);
    expect(timeBuckets({ ...day, to: new Date(day.to.getTime() + 1) }, 'day', zone)).toHaveLength(2);
    expect(timeBuckets(day, 'hour', zone)).toHaveLength(hours);
  });

  it('have a month that ends where the next begins', () => {
    expect(monthOf(new Date('2026-03-31T22:30:00Z'), 'Europe/Berlin')).toEqual({
      from: new Date('2026-03-31T22:00:00Z'),
      to: new Date('2026-04-30T22:00:00Z'),
    });
  });

  it('cover their range without gap and without overlap, in order, each with a label of its own', () => {
    const day = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) });
    fc.assert(
      fc.property(
        day,
        fc.integer({ min: 1, max: 40 * 24 * HOUR_MS }),
        fc.constantFrom(...ZONES),
        (start, length, zone) => {
          const range = { from: new Date(start), to: new Date(start + length) };
          for (const unit of ['day', 'hour'] as const) {
            const buckets = timeBuckets(range, unit, zone);
            const starts = buckets.map((bucket) => bucket.start.getTime());
            expect(starts[0]).toBe(start);
            expect(starts).toEqual(starts.toSorted((a, b) => a - b));
            expect(starts.at(-1)!).toBeLessThan(start + length);
            expect(new Set(buckets.map(({ label }) => label)).size).toBe(buckets.length);
            const longest = unit === 'day' ? 25 : 1;
            for (const [index, at] of starts.entries())
              expect((starts[index + 1] ?? start + length) - at).toBeLessThanOrEqual(longest * HOUR_MS);
          }
        },
      ),
    );
  });

  it('read a range of whole hours in pieces without gap, by days only where each lies in one bucket', () => {
    const hour = fc.integer({ min: Date.UTC(2026, 0, 1) / HOUR_MS, max: Date.UTC(2027, 0, 1) / HOUR_MS });
    fc.assert(
      fc.property(hour, fc.integer({ min: 1, max: 40 * 24 }), fc.constantFrom(...ZONES), (first, length, zone) => {
        const range = { from: new Date(first * HOUR_MS), to: new Date((first + length) * HOUR_MS) };
        const starts = timeBuckets(range, 'day', zone)
          .map(({ start }) => start)
          .filter(isWholeHour);
        const pieces = timePieces(range, starts);
        const bounds = pieces.flatMap(({ from, to }) => [from, to]);
        expect([bounds[0], bounds.at(-1)]).toEqual([range.from, range.to]);
        for (const [index, { unit, from, to }] of pieces.entries()) {
          if (index > 0) expect(from).toEqual(pieces[index - 1]!.to);
          expect(from < to).toBe(true);
          const days = unit === 'day' ? (to.getTime() - from.getTime()) / (24 * HOUR_MS) : 0;
          for (let day = 0; day < days; day += 1) {
            const dayStart = from.getTime() + day * 24 * HOUR_MS;
            expect(dayStart % (24 * HOUR_MS)).toBe(0);
            const within = starts.filter((at) => at.getTime() > dayStart && at.getTime() < dayStart + 24 * HOUR_MS);
            expect(within).toEqual([]);
          }
        }
      }),
    );
  });

  it.each([
    ['no buckets', [], ['hour', 'day', 'hour']],
    ['days of UTC', ['2026-05-01T05:00Z', '2026-05-02T00:00Z', '2026-05-03T00:00Z'], ['hour', 'day', 'hour']],
    ['days of Berlin', ['2026-05-01T05:00Z', '2026-05-01T22:00Z', '2026-05-02T22:00Z'], ['hour']],
  ])('read two days and a half with %s', (_what, starts, units) => {
    const range = { from: new Date('2026-05-01T05:00Z'), to: new Date('2026-05-03T17:00Z') };
    const pieces = timePieces(
      range,
      starts.map((start) => new Date(start)),
    );
    expect(pieces.map(({ unit }) => unit)).toEqual(units);
  });
});
