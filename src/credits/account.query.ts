import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayNotEmpty, ArrayUnique, IsArray, IsIn, IsOptional, IsUUID } from 'class-validator';
import { timeOf } from '../common/domain/times.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { IsTime } from '../common/http/is-time.js';
import { PageQuery } from '../common/http/paging.js';
import { GRANT_STATES, type GrantState } from './account-records.service.js';
import { GRANT_SOURCES, type GrantSource } from './grant.entity.js';
import { HOLD_STATES, type HoldState } from './hold.entity.js';
import { timePosition } from '../common/http/page-position.js';
import { POSTING_KINDS, type PostingKind } from './posting.entity.js';
import type { PostingFilter } from './posting.repository.js';

export class HistoryQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Comma-separated kinds; all without it', example: 'usage,refund' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value))
  @ArrayUnique()
  @IsIn(POSTING_KINDS, { each: true, message: `each value must be one of ${POSTING_KINDS.join(', ')}` })
  @ArrayNotEmpty()
  @IsArray()
  kind?: PostingKind[];

  @ApiPropertyOptional({ format: 'date-time', description: 'Included' })
  @IsOptional()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Excluded' })
  @IsOptional()
  @IsTime()
  to?: string;
}

export class GrantsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: GRANT_STATES, description: 'Ended: exhausted, expired, closed or taken back' })
  @IsOptional()
  @IsIn(GRANT_STATES)
  state?: GrantState;
}

export class AllGrantsQuery extends GrantsQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ enum: GRANT_SOURCES })
  @IsOptional()
  @IsIn(GRANT_SOURCES)
  source?: GrantSource;
}

export class HoldsQuery extends PageQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ enum: HOLD_STATES })
  @IsOptional()
  @IsIn(HOLD_STATES)
  state?: HoldState;

  @ApiPropertyOptional({ format: 'date-time', description: 'Held before this instant' })
  @IsOptional()
  @IsTime()
  olderThan?: string;
}

/** @throws InvalidRequestError for an empty range, or a cursor of another list. */
export function historyFilterOf(query: HistoryQuery): PostingFilter {
  const from = query.from === undefined ? null : timeOf(query.from);
  const to = query.to === undefined ? null : timeOf(query.to);
  if (from && to && !(from < to)) throw InvalidRequestError.of([{ field: 'from', message: 'must be before to' }]);
  return { kinds: query.kind ?? null, from, to, after: timePosition(query.cursor), limit: query.limit };
}
