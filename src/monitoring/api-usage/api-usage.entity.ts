import { defineEntity, p } from '@mikro-orm/core';

/** The requests of one hour to one route by one user, or by nobody known. */
export const ApiUsageSchema = defineEntity({
  name: 'ApiUsage',
  tableName: 'api_usage',
  properties: {
    id: p.uuid().primary(),
    service: p.text(),
    /** The route's pattern. */
    endpoint: p.text(),
    method: p.text(),
    /** References `users`, whose module lies above this one: the foreign key is in the database alone. */
    userId: p.uuid().nullable(),
    timeWindow: p.datetime().columnType('timestamptz'),
    requestCount: p.integer().default(0),
    successCount: p.integer().default(0),
    errorCount: p.integer().default(0),
    tokenUsage: p.bigint().defaultRaw('0'),
    costNusd: p.bigint().defaultRaw('0'),
    responseMsSum: p.bigint().defaultRaw('0'),
    avgResponseMs: p
      .string()
      .columnType('numeric')
      .nullable()
      .generated('(round((response_ms_sum)::numeric / (greatest(request_count, 1))::numeric, 3)) stored'),
    errorRate: p
      .string()
      .columnType('numeric')
      .nullable()
      .generated('(round((error_count)::numeric / (greatest(request_count, 1))::numeric, 6)) stored'),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  uniques: [{ name: 'api_usage_bucket_unique', properties: ['service', 'endpoint', 'method', 'userId', 'timeWindow'] }],
  indexes: [
    { name: 'idx_api_usage_service_window', properties: ['service', 'timeWindow'] },
    { name: 'idx_api_usage_user_service_window', properties: ['userId', 'service', 'timeWindow'] },
    { name: 'idx_api_usage_cost', properties: ['costNusd', 'timeWindow'] },
    { name: 'idx_api_usage_error_rate', properties: ['errorRate', 'timeWindow'] },
    { name: 'idx_api_usage_window', properties: ['timeWindow', 'id'] },
  ],
});

export class ApiUsage extends ApiUsageSchema.class {}
ApiUsageSchema.setClass(ApiUsage);
