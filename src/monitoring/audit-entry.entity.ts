import { defineEntity, p } from '@mikro-orm/core';

/** One write of an operator, before and after. Append-only, by month. */
export const AuditEntrySchema = defineEntity({
  name: 'AuditEntry',
  tableName: 'audit_trail',
  properties: {
    createdAt: p.datetime().columnType('timestamptz').primary(),
    id: p.uuid().primary(),
    /** References `users`, whose module lies above this one: the foreign key is in the database alone. */
    actorId: p.uuid().nullable(),
    action: p.text(),
    entity: p.text(),
    entityId: p.text(),
    before: p.json<Record<string, unknown>>().nullable(),
    after: p.json<Record<string, unknown>>().nullable(),
    reason: p.text().nullable(),
    ip: p.string().columnType('inet').nullable(),
    requestId: p.uuid().nullable(),
  },
  indexes: [
    { name: 'idx_audit_trail_entity', properties: ['entity', 'entityId'] },
    { name: 'idx_audit_trail_actor_created', properties: ['actorId', 'createdAt'] },
    { name: 'idx_audit_trail_action_created', properties: ['action', 'createdAt'] },
    { name: 'idx_audit_trail_request', properties: ['requestId'] },
  ],
});

export class AuditEntry extends AuditEntrySchema.class {}
AuditEntrySchema.setClass(AuditEntry);
