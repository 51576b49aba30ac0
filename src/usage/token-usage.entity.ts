import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { Model } from '../models/model.entity.js';
import { TokenUsageRepository } from './token-usage.repository.js';

export const USAGE_OPERATIONS = ['completion', 'chat', 'embedding', 'function_call', 'analysis', 'generation'] as const;
export type UsageOperation = (typeof USAGE_OPERATIONS)[number];

export const USAGE_SOURCES = ['provider', 'estimated'] as const;

export const USAGE_OUTCOMES = ['completed', 'client_aborted', 'provider_error', 'timeout'] as const;
export type UsageOutcome = (typeof USAGE_OUTCOMES)[number];

export const PRICE_BASES = ['standard', 'long_context'] as const;
export type PriceBasis = (typeof PRICE_BASES)[number];

/** The append-only usage ledger: one row per attempt that a provider charges. Its key also serves a user's history. */
export const TokenUsageSchema = defineEntity({
  name: 'TokenUsage',
  tableName: 'token_usage_ledger',
  repository: () => TokenUsageRepository,
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().createForeignKeyConstraint(false),
    createdAt: p.datetime().columnType('timestamptz').primary(),
    id: p.uuid().primary(),
    requestId: p.uuid(),
    holdId: p.uuid().index(),
    attemptNo: p.smallint().default(1),
    subscriptionId: p.uuid().nullable(),
    modelId: () => p.manyToOne(Model).mapToPk().fieldName('model_id').createForeignKeyConstraint(false),
    modelVersionNo: p.integer(),
    provider: p.text(),
    providerRequestId: p.text().nullable(),
    operation: p.enum(USAGE_OPERATIONS).nativeEnumName('usage_operation'),
    inputTokens: p.integer(),
    cachedInputTokens: p.integer().default(0),
    cacheWriteTokens: p.integer().default(0),
    outputTokens: p.integer(),
    reasoningTokens: p.integer().default(0),
    imageCount: p.integer().default(0),
    imageTokens: p.integer().default(0),
    priceBasis: p.enum(PRICE_BASES).nativeEnumName('price_basis').default('standard'),
    creditsUcr: p.bigint(),
    costNusd: p.bigint(),
    usageSource: p.enum(USAGE_SOURCES).nativeEnumName('usage_source'),
    outcome: p.enum(USAGE_OUTCOMES).nativeEnumName('usage_outcome'),
    latencyMs: p.integer(),
    firstTokenMs: p.integer().nullable(),
    metadata: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    /** Commit order for the jobs that read the ledger; set by the database. */
    txId: p.string().columnType('xid8').defaultRaw('pg_current_xact_id()').hidden(),
  },
  indexes: [
    { name: 'idx_token_usage_image_count', properties: ['imageCount'], where: 'image_count > 0' },
    { name: 'token_usage_ledger_model_id_created_at_index', properties: ['modelId', 'createdAt'] },
    {
      name: 'token_usage_ledger_tx_id_index',
      expression:
        'create index token_usage_ledger_tx_id_index on token_usage_ledger using brin ((tx_id::text::bigint))',
    },
    {
      name: 'token_usage_ledger_redirected_index',
      expression: `create index token_usage_ledger_redirected_index on token_usage_ledger ((metadata->>'redirectedFrom'), created_at) where metadata->>'redirectedFrom' is not null`,
    },
  ],
  checks: [
    {
      name: 'token_usage_ledger_amounts_check',
      expression:
        'input_tokens >= 0 and cached_input_tokens >= 0 and cache_write_tokens >= 0 and output_tokens >= 0 and reasoning_tokens >= 0 and image_count >= 0 and image_tokens >= 0 and credits_ucr >= 0 and cost_nusd >= 0',
    },
  ],
});

export class TokenUsage extends TokenUsageSchema.class {}
TokenUsageSchema.setClass(TokenUsage);
