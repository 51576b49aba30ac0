import { defineEntity, p } from '@mikro-orm/core';

/** Sessions, codes, refresh tokens and the like, found by the hash of their id. What is queried has a column; the payload is opaque. */
export const OidcArtifactSchema = defineEntity({
  name: 'OidcArtifact',
  tableName: 'oidc_artifacts',
  properties: {
    type: p.text().primary(),
    idHash: p.blob().primary(),
    payload: p.json<Record<string, unknown>>(),
    grantId: p.uuid().nullable(),
    uid: p.text().nullable(),
    userCodeHash: p.blob().nullable(),
    accountId: p.uuid().nullable().index(),
    clientId: p.text().nullable(),
    consumedAt: p.datetime().columnType('timestamptz').nullable(),
    graceUses: p.integer().default(0),
    expiresAt: p.datetime().columnType('timestamptz').index(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  indexes: [{ name: 'oidc_artifacts_grant_id_index', properties: ['grantId'], where: { grantId: { $ne: null } } }],
  uniques: [
    { name: 'oidc_artifacts_uid_unique', properties: ['uid'], where: { uid: { $ne: null } } },
    {
      name: 'oidc_artifacts_user_code_hash_unique',
      properties: ['userCodeHash'],
      where: { userCodeHash: { $ne: null } },
    },
  ],
});

export class OidcArtifact extends OidcArtifactSchema.class {}
OidcArtifactSchema.setClass(OidcArtifact);
