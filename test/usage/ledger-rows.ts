import type { EntityManager } from '@mikro-orm/postgresql';
import { newId } from '../../src/common/ids.js';

/** What a spec chooses of a ledger row; the rest is the same for all. */
export interface LedgerRow {
  userId: string;
  createdAt: Date;
  modelId?: string;
  operation?: string;
  provider?: string;
  tier?: string | null;
  inputTokens?: number;
  cachedInputTokens?: number;
  outputTokens?: number;
  imageCount?: number;
  creditsUcr?: bigint;
  costNusd?: bigint;
  outcome?: string;
  latencyMs?: number;
  firstTokenMs?: number | null;
  /** For rows that a restore has brought; otherwise the database knows. */
  txId?: bigint;
}

/** Writes ledger rows as a settlement does, without accounts: for specs about sums. */
export async function addLedgerRows(em: EntityManager, rows: readonly LedgerRow[]): Promise<void> {
  const values = rows.map((row) => ({
    user_id: row.userId,
    id: newId(),
    request_id: newId(),
    model_id: row.modelId ?? 'sandbox-echo',
    provider: row.provider ?? 'sandbox',
    operation: row.operation ?? 'chat',
    input_tokens: row.inputTokens ?? 10,
    cached_input_tokens: row.cachedInputTokens ?? 0,
    output_tokens: row.outputTokens ?? 5,
    image_count: row.imageCount ?? 0,
    credits_ucr: String(row.creditsUcr ?? 15_000n),
    cost_nusd: String(row.costNusd ?? 0n),
    outcome: row.outcome ?? 'completed',
    latency_ms: row.latencyMs ?? 120,
    first_token_ms: row.firstTokenMs ?? null,
    metadata: row.tier === null ? {} : { tier: row.tier ?? 'free' },
    created_at: row.createdAt.toISOString(),
    tx_id: row.txId === undefined ? null : String(row.txId),
  }));
  await em.execute(
    `insert into token_usage_ledger (user_id, id, request_id, hold_id, model_id, model_version_no, provider, operation, input_tokens,
       cached_input_tokens, output_tokens, image_count, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, first_token_ms, metadata,
       created_at, tx_id)
     select user_id, id, request_id, request_id, model_id, 1, provider, operation, input_tokens, cached_input_tokens, output_tokens, image_count,
       credits_ucr, cost_nusd, 'provider', outcome, latency_ms, first_token_ms, metadata, created_at, coalesce(tx_id, pg_current_xact_id())
     from jsonb_to_recordset(?::jsonb) as r (user_id uuid, id uuid, request_id uuid, model_id text, provider text, operation usage_operation,
       input_tokens int, cached_input_tokens int, output_tokens int, image_count int, credits_ucr bigint, cost_nusd bigint,
       outcome usage_outcome, latency_ms int, first_token_ms int, metadata jsonb, created_at timestamptz, tx_id xid8)`,
    [JSON.stringify(values)],
  );
}
