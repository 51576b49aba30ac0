import { defineEntity, p } from '@mikro-orm/core';
import { Generation } from './generation.entity.js';

export const ModelPerformanceSchema = defineEntity({
  name: 'ModelPerformance',
  tableName: 'ai_model_performance',
  checks: [
    { name: 'ai_model_performance_success_rate_check', expression: 'success_rate >= 0 and success_rate <= 100' },
  ],
  indexes: [
    { name: 'idx_performance_model_name', properties: ['modelName'] },
    { name: 'idx_performance_created_at', properties: ['createdAt'] },
  ],
  properties: {
    id: p.uuid().primary(),
    aiGenerationId: () =>
      p
        .manyToOne(Generation)
        .mapToPk()
        .fieldName('ai_generation_id')
        .nullable()
        .deleteRule('set null')
        .index('idx_performance_generation_id'),
    modelName: p.string().length(50),
    responseTimeMs: p.integer(),
    namesGenerated: p.integer().default(0),
    tokensUsed: p.integer().nullable(),
    /** Names of a hundred that were asked for. */
    successRate: p.decimal('number').precision(5).scale(2),
    errorMessage: p.text().nullable(),
    creditsUcr: p.bigint().defaultRaw('0'),
    costNusd: p.bigint().defaultRaw('0'),
    createdAt: p.datetime().columnType('timestamptz'),
  },
});

/** How one model did in one run. Stays when the run is gone. */
export class ModelPerformance extends ModelPerformanceSchema.class {}
ModelPerformanceSchema.setClass(ModelPerformance);
