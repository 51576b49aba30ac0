import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsISO8601, IsOptional } from 'class-validator';
import { assertRange, type TimeRange } from '../common/http/time-range.js';
import { hourAfter, hourBefore } from './domain/time-buckets.js';

const DAY_MS = 86_400_000;
const RANGE_DAYS_DEFAULT = 30;
/** A year and a day: what one page of a report shows. */
const RANGE_DAYS_MAX = 366;

/** The time that a report is about. */
export class RangeQuery {
  @ApiPropertyOptional({ format: 'date-time', description: 'Included; without it the full hour 30 days before `to`' })
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Excluded; now without it' })
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;
}

/** The same range to the end of its hour where it ends now or later: there is no usage after now, and whole hours are summed already. */
export function toFullHour({ from, to }: TimeRange, now: Date): TimeRange {
  return { from, to: to < now ? to : hourAfter(to) };
}

/** @throws InvalidRequestError for an empty or too long range. */
export function rangeOf(query: RangeQuery, now: Date, daysMax = RANGE_DAYS_MAX): TimeRange {
  const to = query.to === undefined ? now : new Date(query.to);
  const from =
    query.from === undefined ? hourBefore(new Date(to.getTime() - RANGE_DAYS_DEFAULT * DAY_MS)) : new Date(query.from);
  assertRange({ from, to }, daysMax);
  return { from, to };
}
