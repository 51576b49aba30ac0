import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ArrayUnique, IsArray, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { MoneyView } from '../common/http/api-schemas.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import { formatMoney, type Money } from '../common/domain/money.js';
import { PageQuery } from '../common/http/paging.js';
import { LIFECYCLES, lifecycleOf, type Lifecycle } from '../models/domain/lifecycle.js';
import { VISION_GROUPS, type VisionGroup, type VisionRow } from './model-usage.queries.js';
import type { LegacyUsage } from './model-usage.service.js';
import { RangeQuery } from './usage-range.js';

const DAYS_DEFAULT = 30;
const DAYS_MAX = 366;

export class VisionQuery extends RangeQuery {
  @ApiPropertyOptional({
    description: 'Comma-separated: model, tier, day; model without it',
    example: 'model,tier,day',
  })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value))
  @IsArray()
  @ArrayUnique()
  @IsIn(VISION_GROUPS, { each: true, message: `each value must be one of ${VISION_GROUPS.join(', ')}` })
  groupBy: VisionGroup[] = ['model'];
}

export class VisionLine {
  @ApiPropertyOptional() model?: string;
  @ApiPropertyOptional({ type: String, nullable: true, description: 'The plan at the time of the call' })
  tier?: string | null;
  @ApiPropertyOptional({ example: '2026-05-10', description: 'UTC' }) day?: string;
  @ApiProperty() requests!: number;
  @ApiProperty() images!: number;
  @ApiProperty({ description: 'As charged: what the provider reported, else what was expected' }) imageTokens!: number;
  @ApiProperty({ description: 'What the sizes of the images led to expect' }) expectedImageTokens!: number;
  @ApiProperty({
    type: Number,
    nullable: true,
    description:
      'Reported by providers for each token expected of the same requests; null where none reports images apart',
  })
  reportedPerExpected!: number | null;
  @ApiProperty({ description: 'Images included' }) inputTokens!: number;
  @ApiProperty() outputTokens!: number;
  @ApiProperty({ example: '12.500000' }) credits!: string;
  @ApiProperty({ type: MoneyView }) cost!: Money;
}

export class VisionReport {
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ enum: VISION_GROUPS, isArray: true }) groupBy!: VisionGroup[];
  @ApiProperty({ type: [VisionLine] }) data!: VisionLine[];
}

export class LegacyUsageQuery extends PageQuery {
  @ApiPropertyOptional({ minimum: 1, maximum: DAYS_MAX, default: DAYS_DEFAULT })
  @IsOptional()
  @Type(() => Number)
  @Max(DAYS_MAX)
  @Min(1)
  @IsInt()
  days: number = DAYS_DEFAULT;

  @ApiPropertyOptional()
  @IsOptional()
  @MaxLength(100)
  @IsString()
  modelId?: string;
}

export class LegacyUsageLine {
  @ApiProperty({ description: 'The legacy model that was asked for' }) modelId!: string;
  @ApiProperty({ description: 'What was called: the successor where the plan redirects' }) calledModelId!: string;
  @ApiProperty({ enum: LIFECYCLES }) lifecycle!: Lifecycle;
  @ApiProperty({ type: String, nullable: true }) replacementModelId!: string | null;
  @ApiProperty({ type: String, format: 'date', nullable: true }) sunsetDate!: string | null;
  @ApiProperty({ format: 'uuid' }) userId!: string;
  @ApiProperty() email!: string;
  @ApiProperty() requests!: number;
  @ApiProperty({ example: '12.500000' }) credits!: string;
  @ApiProperty({ format: 'date-time' }) lastUsedAt!: string;
}

export class LegacyUsagePage {
  @ApiProperty({ type: [LegacyUsageLine] }) data!: LegacyUsageLine[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toVisionLine(row: VisionRow): VisionLine {
  const expected = Number(row.reported_expected_tokens);
  return {
    ...(row.model !== undefined && { model: row.model }),
    ...(row.tier !== undefined && { tier: row.tier }),
    ...(row.day !== undefined && { day: row.day }),
    requests: Number(row.requests),
    images: Number(row.images),
    imageTokens: Number(row.image_tokens),
    expectedImageTokens: Number(row.expected_tokens),
    reportedPerExpected: expected === 0 ? null : Math.round((Number(row.reported_tokens) / expected) * 1_000) / 1_000,
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    credits: formatCredits(BigInt(row.credits_ucr)),
    cost: formatMoney(BigInt(row.cost_nusd)),
  };
}

export function toLegacyUsageLine({ row, model }: LegacyUsage): LegacyUsageLine {
  return {
    modelId: row.asked_id,
    calledModelId: row.model_id,
    lifecycle: lifecycleOf(model),
    replacementModelId: model.meta.legacyReplacementModelId ?? null,
    sunsetDate: model.meta.sunsetDate ?? null,
    userId: row.user_id,
    email: row.email,
    requests: Number(row.requests),
    credits: formatCredits(BigInt(row.credits_ucr)),
    lastUsedAt: new Date(row.last_used_at).toISOString(),
  };
}
