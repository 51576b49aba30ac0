import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { validatedJson } from '../database/validated-json.type.js';
import { AnyModelMeta, ModelMeta } from './domain/model-meta.js';
import { Model } from './model.entity.js';

export const ModelVersionSchema = defineEntity({
  name: 'ModelVersion',
  tableName: 'model_versions',
  primaryKeys: ['modelId', 'versionNo'],
  properties: {
    modelId: () =>
      p
        .manyToOne(Model)
        .mapToPk()
        .fieldName('model_id')
        .primary()
        .deleteRule('restrict')
        .updateRule('no action')
        .index(false),
    versionNo: p.integer().primary(),
    meta: p.type(validatedJson({ write: ModelMeta, read: AnyModelMeta })),
    changedBy: () =>
      p
        .manyToOne(User)
        .mapToPk()
        .fieldName('changed_by')
        .nullable()
        .deleteRule('restrict')
        .updateRule('no action')
        .index('model_versions_changed_by_index'),
    changeReason: p.text(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  checks: [
    { name: 'model_versions_version_no_check', expression: 'version_no > 0' },
    { name: 'model_versions_meta_check', expression: `jsonb_typeof(meta) = 'object'` },
  ],
});

/** What a model's meta was from one change to the next. Immutable: the ledger refers to it, so any past charge can be computed again. */
export class ModelVersion extends ModelVersionSchema.class {}

ModelVersionSchema.setClass(ModelVersion);
