import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayUnique, IsArray, IsIn, IsISO8601, IsOptional } from 'class-validator';
import { formatCredits } from '../common/domain/micro-credits.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { USAGE_GROUPS, type UsageGroup, type UsageSum } from './token-usage.repository.js';

const DAY_MS = 86_400_000;
const RANGE_DAYS_DEFAULT = 30;
/** A year and a day: what one page of a report shows. */
const RANGE_DAYS_MAX = 366;

export class UsageQuery {
  @ApiPropertyOptional({ description: 'Comma-separated: day, model, operation; day without it', example: 'day,model' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value))
  @IsArray()
  @ArrayUnique()
  @IsIn(USAGE_GROUPS, { each: true, message: `each value must be one of ${USAGE_GROUPS.join(', ')}` })
  groupBy: UsageGroup[] = ['day'];

  @ApiPropertyOptional({ format: 'date-time', description: 'Included; 30 days before `to` without it' })
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Excluded; now without it' })
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;
}

export class UsageLine {
  @ApiPropertyOptional({ example: '2026-05-10', description: 'UTC; only when grouped by day' })
  day?: string;

  @ApiPropertyOptional({ description: 'Only when grouped by model' })
  model?: string;

  @ApiPropertyOptional({ description: 'Only when grouped by operation' })
  operation?: string;

  @ApiProperty()
  requests!: number;

  @ApiProperty({ description: 'Cached ones included' })
  inputTokens!: number;

  @ApiProperty()
  cachedInputTokens!: number;

  @ApiProperty()
  outputTokens!: number;

  @ApiProperty()
  images!: number;

  @ApiProperty({ example: '12.500000' })
  credits!: string;
}

export class UsageReport {
  @ApiProperty({ format: 'date-time' })
  from!: string;

  @ApiProperty({ format: 'date-time' })
  to!: string;

  @ApiProperty({ enum: USAGE_GROUPS, isArray: true })
  groupBy!: UsageGroup[];

  @ApiProperty({ type: [UsageLine] })
  data!: UsageLine[];

  @ApiProperty({ type: UsageLine })
  total!: UsageLine;
}

/** @throws InvalidRequestError for an empty or too long range. */
export function rangeOf(query: Pick<UsageQuery, 'from' | 'to'>, now: Date): { from: Date; to: Date } {
  const to = query.to === undefined ? now : new Date(query.to);
  const from = query.from === undefined ? new Date(to.getTime() - RANGE_DAYS_DEFAULT * DAY_MS) : new Date(query.from);
  if (!(from < to)) throw InvalidRequestError.of([{ field: 'from', message: 'must be before to' }]);
  if (to.getTime() - from.getTime() > RANGE_DAYS_MAX * DAY_MS) {
    throw InvalidRequestError.of([{ field: 'from', message: `must be at most ${RANGE_DAYS_MAX} days before to` }]);
  }
  return { from, to };
}

export function toUsageReport(
  { groupBy }: UsageQuery,
  range: { from: Date; to: Date },
  sums: { lines: UsageSum[]; total: UsageSum },
): UsageReport {
  return {
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    groupBy,
    data: sums.lines.map(toLine),
    total: toLine(sums.total),
  };
}

function toLine(sum: UsageSum): UsageLine {
  return {
    ...(sum.day !== null && { day: sum.day }),
    ...(sum.model !== null && { model: sum.model }),
    ...(sum.operation !== null && { operation: sum.operation }),
    requests: sum.requestCount,
    inputTokens: Number(sum.inputTokens),
    cachedInputTokens: Number(sum.cachedInputTokens),
    outputTokens: Number(sum.outputTokens),
    images: Number(sum.imageCount),
    credits: formatCredits(sum.creditsUcr),
  };
}
