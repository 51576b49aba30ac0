import { defineEntity, p } from '@mikro-orm/core';
import { validatedJson } from '../database/validated-json.type.js';
import { AnyModelMeta, CAPABILITIES, ModelMeta } from './domain/model-meta.js';
import { ModelRepository } from './model.repository.js';

export const ModelSchema = defineEntity({
  name: 'Model',
  tableName: 'models',
  repository: () => ModelRepository,
  properties: {
    /** What clients send. */
    id: p.string().length(100).primary(),
    /** What is sent to the provider. */
    name: p.string().length(255),
    provider: p.string().length(100).index('idx_models_provider'),
    isAvailable: p.boolean().default(true).index('idx_models_is_available'),
    isLegacy: p.boolean().default(false).index('idx_models_is_legacy'),
    isArchived: p.boolean().default(false).index('idx_models_is_archived'),
    meta: p.type(validatedJson({ write: ModelMeta, read: AnyModelMeta })),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    /** Stored in `meta`; declared so that the enum of the database belongs to an entity. */
    capability: p.enum(CAPABILITIES).nativeEnumName('model_capability').persist(false).nullable(),
  },
  indexes: [
    { properties: ['isAvailable', 'isArchived'], name: 'idx_models_is_available_is_archived' },
    { name: 'idx_models_meta_gin', expression: 'create index "idx_models_meta_gin" on "models" using gin ("meta")' },
    {
      name: 'idx_models_meta_required_tier',
      expression: `create index "idx_models_meta_required_tier" on "models" using btree (("meta" ->> 'requiredTier'))`,
    },
    {
      name: 'idx_models_meta_capabilities',
      expression: `create index "idx_models_meta_capabilities" on "models" using gin (("meta" -> 'capabilities'))`,
    },
  ],
  checks: [{ name: 'models_meta_check', expression: `jsonb_typeof(meta) = 'object'` }],
});

/** A model of the catalogue: nine columns, all that varies in `meta`. */
export class Model extends ModelSchema.class {}

ModelSchema.setClass(Model);
