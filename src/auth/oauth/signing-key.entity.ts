import { defineEntity, p } from '@mikro-orm/core';

export const SIGNING_KEY_STATES = ['next', 'active', 'retiring', 'retired'] as const;

/** A key that signs tokens. The private half is sealed with the key encryption key, bound to `kid`. */
export const SigningKeySchema = defineEntity({
  name: 'SigningKey',
  tableName: 'signing_keys',
  properties: {
    kid: p.text().primary(),
    alg: p.text(),
    privateJwkSealed: p.blob(),
    publicJwk: p.json<Record<string, unknown>>(),
    state: p.enum(SIGNING_KEY_STATES).nativeEnumName('signing_key_state'),
    activatedAt: p.datetime().columnType('timestamptz').nullable(),
    retiredAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  uniques: [{ name: 'signing_keys_alg_active_unique', properties: ['alg'], where: { state: 'active' } }],
});

export class SigningKey extends SigningKeySchema.class {}
SigningKeySchema.setClass(SigningKey);
