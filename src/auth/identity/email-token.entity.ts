import { defineEntity, p } from '@mikro-orm/core';
import { User } from './user.entity.js';

export const EMAIL_TOKEN_PURPOSES = ['verify_email', 'change_email', 'reset_password'] as const;

/** A link sent by mail: single use, bound to its purpose, its user and the address the user had. Only the hash is stored. */
export const EmailTokenSchema = defineEntity({
  name: 'EmailToken',
  tableName: 'email_tokens',
  properties: {
    hash: p.blob().primary(),
    purpose: p.enum(EMAIL_TOKEN_PURPOSES).nativeEnumName('email_token_purpose'),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    email: p.text().columnType('citext'),
    expiresAt: p.datetime().columnType('timestamptz').index(),
    usedAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

export class EmailToken extends EmailTokenSchema.class {}
EmailTokenSchema.setClass(EmailToken);
