import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayUnique, IsArray, IsIn, IsOptional } from 'class-validator';
import { formatCredits } from '../common/domain/micro-credits.js';
import { USAGE_GROUPS, type UsageGroup, type UsageSum } from './token-usage.repository.js';
import { RangeQuery, type TimeRange } from './usage-range.js';

export class UsageQuery extends RangeQuery {
  @ApiPropertyOptional({ description: 'Comma-separated: day, model, operation; day without it', example: 'day,model' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value))
  @IsArray()
  @ArrayUnique()
  @IsIn(USAGE_GROUPS, { each: true, message: `each value must be one of ${USAGE_GROUPS.join(', ')}` })
  groupBy: UsageGroup[] = ['day'];
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

export function toUsageReport(
  { groupBy }: UsageQuery,
  range: TimeRange,
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
