import { defineEntity, p } from '@mikro-orm/core';
import type { Language } from '../texts/languages.js';

export const USER_ROLES = ['user', 'support', 'admin'] as const;
export const USER_STATUSES = ['active', 'suspended'] as const;

/**
 * A person with an account. Who is deleted can be brought back until the erasure; the address may be used again at once. An erased one is the
 * empty name on lines of money.
 */
export const UserSchema = defineEntity({
  name: 'User',
  tableName: 'users',
  properties: {
    id: p.uuid().primary(),
    email: p.text().columnType('citext'),
    emailVerifiedAt: p.datetime().columnType('timestamptz').nullable(),
    passwordHash: p.text().nullable().lazy(),
    displayName: p.text().nullable(),
    /** Of the mails to them: what the pages of the last sign-in were in. */
    language: p.text().$type<Language>().default('en'),
    role: p.enum(USER_ROLES).nativeEnumName('user_role').default('user'),
    status: p.enum(USER_STATUSES).nativeEnumName('user_status').default('active'),
    lastLoginAt: p.datetime().columnType('timestamptz').nullable(),
    deletedAt: p.datetime().columnType('timestamptz').nullable(),
    erasedAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  indexes: [
    {
      name: 'users_deleted_at_index',
      properties: ['deletedAt'],
      where: { deletedAt: { $ne: null }, erasedAt: null },
    },
  ],
  checks: [{ name: 'users_language_check', expression: "language ~ '^[a-z]{2}$'" }],
  uniques: [{ name: 'users_email_unique', properties: ['email'], where: { deletedAt: null } }],
});

export class User extends UserSchema.class {}
UserSchema.setClass(User);
