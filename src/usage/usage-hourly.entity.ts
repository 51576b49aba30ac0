import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { Model } from '../models/model.entity.js';
import { USAGE_OPERATIONS } from './token-usage.entity.js';

/** Sums of the ledger per hour, user, model and operation; rebuildable from it. */
export const UsageHourlySchema = defineEntity({
  name: 'UsageHourly',
  tableName: 'usage_hourly',
  properties: {
    hour: p.datetime().columnType('timestamptz').primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('cascade').index(),
    modelId: () => p.manyToOne(Model).mapToPk().fieldName('model_id').primary().deleteRule('restrict').index(),
    operation: p.enum(USAGE_OPERATIONS).nativeEnumName('usage_operation').primary(),
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
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

export class UsageHourly extends UsageHourlySchema.class {}
UsageHourlySchema.setClass(UsageHourly);
