const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a report can be divided by in time. */
export const TIME_UNITS = ['hour', 'day'] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

export interface TimeBucket {
  /** Where it begins; the first one at the beginning of the range. */
  start: Date;
  /** `2026-03-29` in the zone, or the instant at which the hour begins in UTC. */
  label: string;
}

/**
 * Whether it is a time zone by its IANA name, as `Europe/Berlin`; an offset is none, because it knows no summer. Each of the two knows names that
 * the other does not.
 */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}

/** The buckets of `[from, to)`, without gap: days of the zone, which have 23 to 25 hours where clocks change, or its hours. */
export function timeBuckets({ from, to }: { from: Date; to: Date }, unit: TimeUnit, timeZone: string): TimeBucket[] {
  const buckets: TimeBucket[] = [];
  let next = startOf(from, unit, timeZone);
  while (next.epochMilliseconds < to.getTime()) {
    const start = new Date(Math.max(next.epochMilliseconds, from.getTime()));
    const label =
      unit === 'day'
        ? next.toPlainDate().toString()
        : new Date(next.epochMilliseconds).toISOString().replace('.000', '');
    buckets.push({ start, label });
    next = unit === 'day' ? next.add({ days: 1 }).startOfDay() : next.add({ hours: 1 });
  }
  return buckets;
}

/** A part of a range, in whole hours or in whole days of UTC. */
export interface TimePiece {
  unit: TimeUnit;
  from: Date;
  to: Date;
}

/**
 * `[from, to)`, both whole hours, without gap as the fewest hours and days; hours alone where one of the buckets that begin at `starts` begins
 * within a day of UTC. Empty parts are left out.
 */
export function timePieces({ from, to }: { from: Date; to: Date }, starts: readonly Date[]): TimePiece[] {
  const firstDay = new Date(Math.ceil(from.getTime() / DAY_MS) * DAY_MS);
  const lastDay = new Date(Math.floor(to.getTime() / DAY_MS) * DAY_MS);
  if (!(firstDay < lastDay) || starts.some((start) => start > from && start.getTime() % DAY_MS !== 0))
    return [{ unit: 'hour', from, to }];
  const pieces: TimePiece[] = [
    { unit: 'hour', from, to: firstDay },
    { unit: 'day', from: firstDay, to: lastDay },
    { unit: 'hour', from: lastDay, to },
  ];
  return pieces.filter((piece) => piece.from < piece.to);
}

/** The month of the zone that `at` lies in. */
export function monthOf(at: Date, timeZone: string): { from: Date; to: Date } {
  const first = zoned(at, timeZone).with({ day: 1 }).startOfDay();
  const next = first.add({ months: 1 }).startOfDay();
  return { from: new Date(first.epochMilliseconds), to: new Date(next.epochMilliseconds) };
}

export function isWholeHour(at: Date): boolean {
  return at.getTime() % HOUR_MS === 0;
}

/** The last whole hour that is not after `at`. */
export function hourBefore(at: Date): Date {
  return new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
}

/** The first whole hour that is not before `at`. */
export function hourAfter(at: Date): Date {
  return new Date(Math.ceil(at.getTime() / HOUR_MS) * HOUR_MS);
}

function startOf(at: Date, unit: TimeUnit, timeZone: string): Temporal.ZonedDateTime {
  const local = zoned(at, timeZone);
  return unit === 'day' ? local.startOfDay() : local.round({ smallestUnit: 'hour', roundingMode: 'floor' });
}

function zoned(at: Date, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(timeZone);
}
