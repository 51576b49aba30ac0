import { defineEntity, p } from '@mikro-orm/core';
import { User } from './user.entity.js';

/** What happened to sign-ins and credentials. Append-only: triggers refuse any change. */
export const AuthEventSchema = defineEntity({
  name: 'AuthEvent',
  tableName: 'auth_events',
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').nullable().deleteRule('restrict').index(false),
    grantId: p.uuid().nullable(),
    clientId: p.text().nullable(),
    event: p.text(),
    ip: p.text().columnType('inet').nullable(),
    userAgent: p.text().nullable(),
    requestId: p.text().nullable(),
    details: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()').index(),
  },
  indexes: [
    { name: 'auth_events_user_id_created_at_index', properties: ['userId', 'createdAt'] },
    { name: 'auth_events_event_created_at_index', properties: ['event', 'createdAt'] },
  ],
});

export class AuthEvent extends AuthEventSchema.class {}
AuthEventSchema.setClass(AuthEvent);
