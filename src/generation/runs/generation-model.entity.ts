import { defineEntity, p } from '@mikro-orm/core';
import { Model } from '../../models/model.entity.js';
import { Generation, type ModelError } from './generation.entity.js';

export const GENERATION_MODEL_STATES = ['waiting', 'answered', 'failed', 'cancelled'] as const;
export type GenerationModelState = (typeof GENERATION_MODEL_STATES)[number];

export const GenerationModelSchema = defineEntity({
  name: 'GenerationModel',
  tableName: 'ai_generation_models',
  properties: {
    generationId: () =>
      p
        .manyToOne(Generation)
        .mapToPk()
        .fieldName('generation_id')
        .primary()
        .deleteRule('cascade')
        .updateRule('no action')
        .index(false),
    modelId: () =>
      p
        .manyToOne(Model)
        .mapToPk()
        .fieldName('model_id')
        .primary()
        .deleteRule('restrict')
        .updateRule('no action')
        .index(),
    /** In the order in which they were asked for, from 1: the attempt of the hold. */
    position: p.smallint(),
    /** Whose prices the hold assumed. */
    modelVersionNo: p.integer(),
    state: p.enum(GENERATION_MODEL_STATES).nativeEnumName('generation_model_state').default('waiting'),
    names: p.json<string[]>().nullable(),
    /** What is to be charged, kept the moment the answer is there: a worker that dies after it does not ask again. */
    attempt: p.json<object>().nullable(),
    error: p.json<ModelError>().nullable(),
    responseTimeMs: p.integer().nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

/** One model of one run: whether it was asked, and what it came to. */
export class GenerationModel extends GenerationModelSchema.class {}
GenerationModelSchema.setClass(GenerationModel);

/** How a model ended. */
export type ModelEnd = Pick<GenerationModel, 'state'> &
  Partial<Pick<GenerationModel, 'names' | 'attempt' | 'error' | 'responseTimeMs'>>;
