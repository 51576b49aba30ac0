import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { validatedJson } from '../database/validated-json.type.js';
import { Model } from './model.entity.js';
import { ModelRecord } from './domain/tier-and-lifecycle.js';

export const ModelTierAuditLogSchema = defineEntity({
  name: 'ModelTierAuditLog',
  tableName: 'model_tier_audit_logs',
  properties: {
    id: p.uuid().primary(),
    modelId: () =>
      p.manyToOne(Model).mapToPk().fieldName('model_id').deleteRule('restrict').updateRule('no action').index(false),
    previous: p.type(validatedJson({ write: ModelRecord })),
    next: p.type(validatedJson({ write: ModelRecord })),
    reason: p.text(),
    actorId: () =>
      p
        .manyToOne(User)
        .mapToPk()
        .fieldName('actor_id')
        .nullable()
        .deleteRule('restrict')
        .updateRule('no action')
        .index('model_tier_audit_logs_actor_id_index'),
    ip: p.string().columnType('inet').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  indexes: [{ properties: ['modelId', 'createdAt'], name: 'model_tier_audit_logs_model_id_created_at_index' }],
});

/** Who changed which tier rule or lifecycle flag. Append-only. */
export class ModelTierAuditLog extends ModelTierAuditLogSchema.class {}

ModelTierAuditLogSchema.setClass(ModelTierAuditLog);
