import { OptionalMoment, type TimeRange, timeRangeOf } from '../common/http/time-range.js';
import { hourAfter, hourBefore } from './domain/time-buckets.js';

const DAY_MS = 86_400_000;
const RANGE_DAYS_DEFAULT = 30;
/** A year and a day: what one page of a report shows. */
const RANGE_DAYS_MAX = 366;

/** The time that a report is about. */
export class RangeQuery {
  @OptionalMoment('Included; without it the full hour 30 days before `to`')
  from?: string;

  @OptionalMoment('Excluded; now without it')
  to?: string;
}

/** The same range to the end of its hour where it ends now or later: there is no usage after now, and whole hours are summed already. */
export function toFullHour({ from, to }: TimeRange, now: Date): TimeRange {
  return { from, to: to < now ? to : hourAfter(to) };
}

/** @throws InvalidRequestError for an empty or too long range. */
export function rangeOf(query: RangeQuery, now: Date, daysMax = RANGE_DAYS_MAX): TimeRange {
  return timeRangeOf(query, now, daysMax, (to) => hourBefore(new Date(to.getTime() - RANGE_DAYS_DEFAULT * DAY_MS)));
}
