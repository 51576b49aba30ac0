import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../identity/user.entity.js';
import { OAuthClient } from './oauth-client.entity.js';

/** One sign-in on one device: the OAuth grant, the line in the device list and the kill switch of every token made from it. */
export const AuthGrantSchema = defineEntity({
  name: 'AuthGrant',
  tableName: 'auth_grants',
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    clientId: () =>
      p.manyToOne(OAuthClient).targetKey('clientId').mapToPk().fieldName('client_id').deleteRule('restrict').index(),
    scopes: p.array().defaultRaw(`'{}'`),
    deviceName: p.text().nullable(),
    platform: p.text().nullable(),
    appVersion: p.text().nullable(),
    createdIp: p.text().columnType('inet').nullable(),
    lastUsedAt: p.datetime().columnType('timestamptz').nullable(),
    lastIp: p.text().columnType('inet').nullable(),
    acr: p.text().nullable(),
    amr: p.array().defaultRaw(`'{}'`),
    expiresAt: p.datetime().columnType('timestamptz'),
    revokedAt: p.datetime().columnType('timestamptz').nullable(),
    revokedBy: () => p.manyToOne(User).mapToPk().fieldName('revoked_by').nullable().deleteRule('set null').index(),
    revokeReason: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  indexes: [{ name: 'auth_grants_revoked_at_index', properties: ['revokedAt'], where: { revokedAt: { $ne: null } } }],
});

export class AuthGrant extends AuthGrantSchema.class {}
AuthGrantSchema.setClass(AuthGrant);
