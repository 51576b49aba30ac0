import { formatCredits } from '../../common/domain/micro-credits.js';
import { formatMoney } from '../../common/domain/money.js';
import { csvLine, type CsvValue } from '../domain/csv.js';
import type { LedgerRow } from './ledger.queries.js';

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/jsonl; charset=utf-8',
};

const number = (value: number | null): CsvValue => (value === null ? null : { number: String(value) });

/** The columns of the file, and their values as CSV has them. */
const CSV_COLUMNS: readonly [name: string, value: (row: LedgerRow) => CsvValue][] = [
  ['created_at', (row) => row.created_at],
  ['id', (row) => row.id],
  ['request_id', (row) => row.request_id],
  ['user_id', (row) => row.user_id],
  ['model', (row) => row.model_id],
  ['model_version', (row) => number(row.model_version_no)],
  ['provider', (row) => row.provider],
  ['provider_request_id', (row) => row.provider_request_id],
  ['operation', (row) => row.operation],
  ['tier', (row) => row.tier],
  ['input_tokens', (row) => number(row.input_tokens)],
  ['cached_input_tokens', (row) => number(row.cached_input_tokens)],
  ['cache_write_tokens', (row) => number(row.cache_write_tokens)],
  ['output_tokens', (row) => number(row.output_tokens)],
  ['reasoning_tokens', (row) => number(row.reasoning_tokens)],
  ['images', (row) => number(row.image_count)],
  ['image_tokens', (row) => number(row.image_tokens)],
  ['credits', (row) => ({ number: formatCredits(BigInt(row.credits_ucr)) })],
  ['cost_usd', (row) => ({ number: formatMoney(BigInt(row.cost_nusd)).amount })],
  ['usage_source', (row) => row.usage_source],
  ['outcome', (row) => row.outcome],
  ['latency_ms', (row) => number(row.latency_ms)],
  ['first_token_ms', (row) => number(row.first_token_ms)],
];

/** What a file of the format begins with. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? csvLine(CSV_COLUMNS.map(([name]) => name)) : '';
}

export function exportLine(format: ExportFormat, row: LedgerRow): string {
  return format === 'csv'
    ? csvLine(CSV_COLUMNS.map(([, value]) => value(row)))
    : `${JSON.stringify(toLedgerLine(row))}\n`;
}

/** A ledger row as the list and JSON Lines have it. */
export function toLedgerLine(row: LedgerRow) {
  return {
    id: row.id,
    createdAt: row.created_at,
    requestId: row.request_id,
    userId: row.user_id,
    model: row.model_id,
    modelVersion: row.model_version_no,
    provider: row.provider,
    providerRequestId: row.provider_request_id,
    operation: row.operation,
    tier: row.tier,
    inputTokens: row.input_tokens,
    cachedInputTokens: row.cached_input_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens,
    images: row.image_count,
    imageTokens: row.image_tokens,
    credits: formatCredits(BigInt(row.credits_ucr)),
    cost: formatMoney(BigInt(row.cost_nusd)),
    usageSource: row.usage_source,
    outcome: row.outcome,
    latencyMs: row.latency_ms,
    firstTokenMs: row.first_token_ms,
  };
}
