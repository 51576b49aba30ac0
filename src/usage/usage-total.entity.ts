import { defineEntity, p } from '@mikro-orm/core';
import { Model } from '../models/model.entity.js';
import { TIME_UNITS } from './domain/time-buckets.js';
import { USAGE_OPERATIONS } from './token-usage.entity.js';

/** Sums over all users per hour, and per day of UTC; rebuildable from the ledger. */
export const UsageTotalSchema = defineEntity({
  name: 'UsageTotal',
  tableName: 'usage_totals',
  properties: {
    unit: p.enum(TIME_UNITS).nativeEnumName('usage_total_unit').primary(),
    startAt: p.datetime().columnType('timestamptz').primary(),
    modelId: () => p.manyToOne(Model).mapToPk().fieldName('model_id').primary().deleteRule('restrict'),
    operation: p.enum(USAGE_OPERATIONS).nativeEnumName('usage_operation').primary(),
    provider: p.text().primary(),
    /** At the time of the call; `unknown` where the ledger row does not tell. */
    tier: p.text().primary(),
    requestCount: p.bigint(),
    errorCount: p.bigint(),
    inputTokens: p.bigint(),
    cachedInputTokens: p.bigint(),
    cacheWriteTokens: p.bigint(),
    outputTokens: p.bigint(),
    imageCount: p.bigint(),
    imageTokens: p.bigint(),
    creditsUcr: p.bigint(),
    costNusd: p.bigint(),
    latencyBuckets: p.array(BigInt).columnType('bigint[]'),
    firstTokenBuckets: p.array(BigInt).columnType('bigint[]'),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [{ name: 'usage_totals_model_id_unit_start_at_index', properties: ['modelId', 'unit', 'startAt'] }],
});

export class UsageTotal extends UsageTotalSchema.class {}
UsageTotalSchema.setClass(UsageTotal);
