import { defineEntity, p } from '@mikro-orm/core';

export const ProviderCredentialSchema = defineEntity({
  name: 'ProviderCredential',
  tableName: 'provider_credentials',
  properties: {
    id: p.uuid().primary(),
    provider: p.string().length(100),
    name: p.string().length(100),
    /** The key, sealed for this row. An empty one stands for a server that asks for none. */
    secretSealed: p.blob(),
    baseUrl: p.text().nullable(),
    isActive: p.boolean().default(true),
    lastVerifiedAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  uniques: [{ name: 'provider_credentials_provider_name_unique', properties: ['provider', 'name'] }],
});

/** An account at a provider. Of several active ones of a provider the newest is used. */
export class ProviderCredential extends ProviderCredentialSchema.class {}
ProviderCredentialSchema.setClass(ProviderCredential);
