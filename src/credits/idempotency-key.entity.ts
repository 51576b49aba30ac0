import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';

export const IDEMPOTENCY_STATES = ['in_progress', 'done'] as const;

/** A client's key of one route, claimed when the hold is taken and finished in the transaction that settles it. */
export const IdempotencyKeySchema = defineEntity({
  name: 'IdempotencyKey',
  tableName: 'idempotency_keys',
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('cascade'),
    route: p.text().primary(),
    key: p.string().length(255).primary(),
    requestId: p.uuid(),
    requestHash: p.blob(),
    state: p.enum(IDEMPOTENCY_STATES).nativeEnumName('idempotency_state'),
    status: p.smallint().nullable(),
    headers: p.json<Record<string, string>>().nullable(),
    bodySealed: p.blob().nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [
    { name: 'idempotency_keys_user_id_request_id_index', properties: ['userId', 'requestId'] },
    { name: 'idempotency_keys_created_at_index', properties: ['createdAt'] },
  ],
});

export class IdempotencyKey extends IdempotencyKeySchema.class {}
IdempotencyKeySchema.setClass(IdempotencyKey);
