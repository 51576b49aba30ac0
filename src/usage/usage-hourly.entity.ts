import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { Model } from '../models/model.entity.js';
import { USAGE_OPERATIONS } from './token-usage.entity.js';

/** Sums of the ledger per hour and all that reports group by; rebuildable from it. */
export const UsageHourlySchema = defineEntity({
  name: 'UsageHourly',
  tableName: 'usage_hourly',
  properties: {
    hour: p.datetime().columnType('timestamptz').primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('cascade'),
    modelId: () => p.manyToOne(Model).mapToPk().fieldName('model_id').primary().deleteRule('restrict'),
    operation: p.enum(USAGE_OPERATIONS).nativeEnumName('usage_operation').primary(),
    provider: p.text().primary(),
    /** At the time of the call; `unknown` where the ledger row does not tell. */
    tier: p.text().primary(),
    requestCount: p.integer(),
    errorCount: p.integer(),
    inputTokens: p.bigint(),
    cachedInputTokens: p.bigint(),
    cacheWriteTokens: p.bigint(),
    outputTokens: p.bigint(),
    imageCount: p.integer(),
    imageTokens: p.bigint(),
    creditsUcr: p.bigint(),
    costNusd: p.bigint(),
    latencyBuckets: p.array(Number).columnType('integer[]'),
    firstTokenBuckets: p.array(Number).columnType('integer[]'),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [
    { name: 'usage_hourly_user_id_hour_index', properties: ['userId', 'hour'] },
    { name: 'usage_hourly_model_id_hour_index', properties: ['modelId', 'hour'] },
  ],
});

export class UsageHourly extends UsageHourlySchema.class {}
UsageHourlySchema.setClass(UsageHourly);
