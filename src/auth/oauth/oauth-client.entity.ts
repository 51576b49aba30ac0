import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../identity/user.entity.js';

export const OAUTH_CLIENT_TYPES = ['public', 'confidential'] as const;

/** A registered client. Client metadata without a column of its own is in `metadata`; `ownerUserId` pays for a service client's calls. */
export const OAuthClientSchema = defineEntity({
  name: 'OAuthClient',
  tableName: 'oauth_clients',
  properties: {
    id: p.uuid().primary(),
    clientId: p.text().unique(),
    clientName: p.text(),
    clientType: p.enum(OAUTH_CLIENT_TYPES).nativeEnumName('oauth_client_type'),
    secretHash: p.blob().nullable(),
    redirectUris: p.array().defaultRaw(`'{}'`),
    grantTypes: p.array(),
    scopes: p.array(),
    isActive: p.boolean().default(true),
    ownerUserId: () => p.manyToOne(User).mapToPk().fieldName('owner_user_id').nullable().deleteRule('restrict').index(),
    metadata: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

export class OAuthClient extends OAuthClientSchema.class {}
OAuthClientSchema.setClass(OAuthClient);
