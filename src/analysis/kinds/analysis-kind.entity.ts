import { defineEntity, p } from '@mikro-orm/core';
import { validatedJson } from '../../database/validated-json.type.js';
import { Model } from '../../models/model.entity.js';
import { FallbackRules } from '../domain/fallback-rules.js';

export const AnalysisKindSchema = defineEntity({
  name: 'AnalysisKind',
  tableName: 'analysis_kinds',
  properties: {
    kind: p.string().length(100).primary(),
    version: p.integer().primary(),
    prompt: p.text(),
    outputSchema: p.json<Record<string, unknown>>(),
    modelId: () =>
      p.manyToOne(Model).mapToPk().fieldName('model_id').deleteRule('restrict').updateRule('no action').index(),
    fallback: p.type(validatedJson({ write: FallbackRules, read: FallbackRules })),
    isActive: p.boolean().default(true),
    /** How long a model's answer is given again to the same request of the same user; 0: never. */
    cacheSeconds: p.integer().default(0),
    /** How many small analyses of one user share a call at most; 1: none. */
    batchSize: p.smallint().default(1),
    createdAt: p.datetime().columnType('timestamptz'),
  },
  checks: [
    { name: 'analysis_kinds_version_check', expression: 'version > 0' },
    { name: 'analysis_kinds_sharing_check', expression: 'cache_seconds >= 0 and batch_size > 0' },
  ],
});

/** One version of what is asked of a model about a text, and in which form it has to answer. Immutable but for whether it may be asked. */
export class AnalysisKind extends AnalysisKindSchema.class {}
AnalysisKindSchema.setClass(AnalysisKind);
