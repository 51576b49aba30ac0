import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import type { Money } from '../../common/domain/money.js';
import { PageQuery } from '../../common/http/paging.js';
import { CallFilterQuery } from '../call-filter-query.js';
import { USAGE_OPERATIONS, USAGE_OUTCOMES, USAGE_SOURCES } from '../token-usage.entity.js';
import type { UsageOperation, UsageOutcome } from '../token-usage.entity.js';
import { RangeQuery, rangeOf } from '../usage-range.js';
import { EXPORT_FORMATS, type ExportFormat } from './ledger-format.js';
import type { LedgerFilter } from './ledger.queries.js';

/** An export may be of all there is. */
export const EXPORT_DAYS_MAX = 36_600;

class LedgerFilterQuery extends IntersectionType(RangeQuery, CallFilterQuery) {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ enum: USAGE_OUTCOMES })
  @IsOptional()
  @IsIn(USAGE_OUTCOMES)
  outcome?: UsageOutcome;
}

export class LedgerQuery extends IntersectionType(PageQuery, LedgerFilterQuery) {}

export class LedgerExportQuery extends LedgerFilterQuery {
  @ApiPropertyOptional({ enum: EXPORT_FORMATS, default: 'csv', description: 'jsonl: one JSON object a line' })
  @IsOptional()
  @IsIn(EXPORT_FORMATS)
  format: ExportFormat = 'csv';
}

/** @throws InvalidRequestError for an empty or too long range. */
export function ledgerFilterOf(query: LedgerFilterQuery, now: Date, daysMax?: number): LedgerFilter {
  const { userId, model: modelId, provider, operation, outcome } = query;
  return { ...rangeOf(query, now, daysMax), userId, modelId, provider, operation, outcome };
}

export class LedgerLine {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'uuid' }) requestId!: string;
  @ApiProperty({ format: 'uuid' }) userId!: string;
  @ApiProperty() model!: string;
  @ApiProperty() modelVersion!: number;
  @ApiProperty() provider!: string;
  @ApiProperty({ type: String, nullable: true }) providerRequestId!: string | null;
  @ApiProperty({ enum: USAGE_OPERATIONS }) operation!: UsageOperation;
  @ApiProperty({ type: String, nullable: true, description: 'At the time of the call' }) tier!: string | null;
  @ApiProperty({ description: 'Cached ones and images included' }) inputTokens!: number;
  @ApiProperty() cachedInputTokens!: number;
  @ApiProperty() cacheWriteTokens!: number;
  @ApiProperty({ description: 'Reasoning included' }) outputTokens!: number;
  @ApiProperty() reasoningTokens!: number;
  @ApiProperty() images!: number;
  @ApiProperty() imageTokens!: number;
  @ApiProperty({ example: '0.012000' }) credits!: string;
  @ApiProperty({ type: MoneyView }) cost!: Money;
  @ApiProperty({ enum: USAGE_SOURCES }) usageSource!: string;
  @ApiProperty({ enum: USAGE_OUTCOMES }) outcome!: UsageOutcome;
  @ApiProperty() latencyMs!: number;
  @ApiProperty({ type: Number, nullable: true, description: 'Of streams' }) firstTokenMs!: number | null;
}

export class LedgerPage {
  @ApiProperty({ type: [LedgerLine] }) data!: LedgerLine[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}
