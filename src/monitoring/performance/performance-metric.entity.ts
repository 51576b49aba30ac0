import { defineEntity, p } from '@mikro-orm/core';

/** One sample of one process. By month. */
export const PerformanceMetricSchema = defineEntity({
  name: 'PerformanceMetric',
  tableName: 'performance_metrics',
  properties: {
    createdAt: p.datetime().columnType('timestamptz').primary(),
    id: p.uuid().primary(),
    name: p.text(),
    value: p.string().columnType('numeric'),
    unit: p.text(),
    /** `replica`: whose sample it is; `service` where it is about a part of the API. */
    labels: p.json<Record<string, string>>().defaultRaw(`'{}'`),
  },
  indexes: [{ name: 'idx_performance_metrics_name_created', properties: ['name', 'createdAt'] }],
});

export class PerformanceMetric extends PerformanceMetricSchema.class {}
PerformanceMetricSchema.setClass(PerformanceMetric);
