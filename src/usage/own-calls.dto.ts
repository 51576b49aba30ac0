import { ApiProperty, IntersectionType, PickType } from '@nestjs/swagger';
import { formatCredits } from '../common/domain/micro-credits.js';
import { encodeCursor, PageQuery } from '../common/http/paging.js';
import { CallFilterQuery } from './call-filter-query.js';
import type { LedgerRow } from './ledger/ledger.queries.js';
import { USAGE_OPERATIONS, USAGE_OUTCOMES, type UsageOperation, type UsageOutcome } from './token-usage.entity.js';
import { RangeQuery } from './usage-range.js';

export class OwnCallsQuery extends IntersectionType(
  PageQuery,
  RangeQuery,
  PickType(CallFilterQuery, ['model', 'operation'] as const),
) {}

/** One charged attempt. A request that was answered at the second attempt has two of them where the first was charged as well. */
export class OwnCall {
  @ApiProperty({ format: 'uuid', description: 'Of the receipt, `GET /v1/usage/{requestId}`' }) requestId!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ example: 'gpt-5-mini' }) model!: string;
  @ApiProperty({ enum: USAGE_OPERATIONS }) operation!: UsageOperation;
  @ApiProperty({ description: 'Cached ones and images included' }) inputTokens!: number;
  @ApiProperty({ description: 'Reasoning included' }) outputTokens!: number;
  @ApiProperty() images!: number;
  @ApiProperty({ example: '0.012000' }) creditsCharged!: string;
  @ApiProperty({ enum: USAGE_OUTCOMES }) outcome!: UsageOutcome;
}

export class OwnCallPage {
  @ApiProperty({ type: [OwnCall] }) data!: OwnCall[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toOwnCallPage({ rows, next }: { rows: LedgerRow[]; next: string | null }): OwnCallPage {
  return { data: rows.map(toOwnCall), nextCursor: encodeCursor(next) };
}

function toOwnCall(row: LedgerRow): OwnCall {
  return {
    requestId: row.request_id,
    createdAt: row.created_at,
    model: row.model_id,
    operation: row.operation,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    images: row.image_count,
    creditsCharged: formatCredits(BigInt(row.credits_ucr)),
    outcome: row.outcome,
  };
}
