import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { notBeforeFirst, timeOf } from '../domain/times.js';
import { InvalidRequestError } from '../errors/common.errors.js';
import { IsTime } from './is-time.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A moment that may be left out, in RFC 3339. */
export function OptionalMoment(description: string): PropertyDecorator {
  return applyDecorators(ApiPropertyOptional({ format: 'date-time', description }), IsOptional(), IsTime());
}

/** The time that a question is about: by default the last day. */
export class LastDayQuery {
  @OptionalMoment('Included; without it 24 hours before `to`')
  from?: string;

  @OptionalMoment('Excluded; now without it')
  to?: string;
}

/** `[from, to)`. */
export interface TimeRange {
  from: Date;
  to: Date;
}

/**
 * The range that was asked for; `beginning` says where one begins whose beginning was left out.
 * @throws InvalidRequestError for an empty range, and for one of more than `daysMax` days.
 */
export function timeRangeOf(
  query: LastDayQuery,
  now: Date,
  daysMax: number,
  beginning = (to: Date): Date => new Date(to.getTime() - DAY_MS),
): TimeRange {
  const to = query.to === undefined ? now : timeOf(query.to);
  const from = query.from === undefined ? notBeforeFirst(beginning(to)) : timeOf(query.from);
  assertRange({ from, to }, daysMax);
  return { from, to };
}

function assertRange({ from, to }: TimeRange, daysMax: number): void {
  if (!(from < to)) throw InvalidRequestError.of([{ field: 'from', message: 'must be before to' }]);
  if (to.getTime() - from.getTime() > daysMax * DAY_MS) {
    throw InvalidRequestError.of([{ field: 'from', message: `must be at most ${daysMax} days before to` }]);
  }
}
