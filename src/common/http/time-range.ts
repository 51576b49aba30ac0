import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsISO8601, IsOptional } from 'class-validator';
import { InvalidRequestError } from '../errors/common.errors.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The time that a question is about: by default the last day. */
export class LastDayQuery {
  @ApiPropertyOptional({ format: 'date-time', description: 'Included; without it 24 hours before `to`' })
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Excluded; now without it' })
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;
}

/** `[from, to)`. */
export interface TimeRange {
  from: Date;
  to: Date;
}

/** @throws InvalidRequestError for an empty range, and for one of more than `daysMax` days. */
export function timeRangeOf(query: LastDayQuery, now: Date, daysMax: number): TimeRange {
  const to = query.to === undefined ? now : new Date(query.to);
  const from = query.from === undefined ? new Date(to.getTime() - DAY_MS) : new Date(query.from);
  assertRange({ from, to }, daysMax);
  return { from, to };
}

/** @throws InvalidRequestError */
export function assertRange({ from, to }: TimeRange, daysMax: number): void {
  if (!(from < to)) throw InvalidRequestError.of([{ field: 'from', message: 'must be before to' }]);
  if (to.getTime() - from.getTime() > daysMax * DAY_MS) {
    throw InvalidRequestError.of([{ field: 'from', message: `must be at most ${daysMax} days before to` }]);
  }
}
