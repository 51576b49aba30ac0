import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { GrantRepository } from './grant.repository.js';

export const GRANT_SOURCES = ['subscription', 'rollover', 'purchase', 'promo', 'adjustment', 'proration'] as const;
export type GrantSource = (typeof GRANT_SOURCES)[number];

/** In which order grants are burned: lowest first, then earliest expiry, oldest, id. */
export const GRANT_PRIORITY: Readonly<Record<GrantSource, number>> = {
  promo: 10,
  rollover: 20,
  subscription: 30,
  proration: 30,
  purchase: 40,
  adjustment: 50,
};

/** Credits given once for a reason. `remainingUcr` includes what is held; `closedAt` is set on every exhausted, expired or closed grant. */
export const GrantSchema = defineEntity({
  name: 'Grant',
  tableName: 'credits',
  repository: () => GrantRepository,
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('cascade'),
    id: p.uuid().primary(),
    /** References `subscriptions`, whose module lies above this one: the foreign key is in the database alone. */
    subscriptionId: p.uuid().nullable().index(),
    grantKey: p.text(),
    source: p.enum(GRANT_SOURCES).nativeEnumName('credit_source'),
    periodIndex: p.integer().nullable(),
    periodStart: p.datetime().columnType('timestamptz').nullable(),
    periodEnd: p.datetime().columnType('timestamptz').nullable(),
    totalUcr: p.bigint(),
    usedUcr: p.bigint().defaultRaw('0'),
    expiredUcr: p.bigint().defaultRaw('0'),
    heldUcr: p.bigint().defaultRaw('0'),
    remainingUcr: p.bigint().generated('(total_ucr - used_ucr - expired_ucr) stored'),
    priority: p.smallint(),
    effectiveAt: p.datetime().columnType('timestamptz'),
    expiresAt: p.datetime().columnType('timestamptz').nullable(),
    closedAt: p.datetime().columnType('timestamptz').nullable(),
    /** When its owner was told that it is about to end. */
    expiryNoticedAt: p.datetime().columnType('timestamptz').nullable(),
    reason: p.text().nullable(),
    grantedBy: () => p.manyToOne(User).mapToPk().fieldName('granted_by').nullable().deleteRule('set null').index(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [
    { name: 'credits_open_index', properties: ['userId'], where: 'closed_at is null' },
    { name: 'credits_expires_at_index', properties: ['expiresAt'], where: 'closed_at is null' },
    { name: 'credits_payment_index', properties: ['grantKey'], where: `source = 'purchase'` },
  ],
  uniques: [{ name: 'credits_user_id_grant_key_unique', properties: ['userId', 'grantKey'] }],
  checks: [
    {
      name: 'credits_amounts_check',
      expression:
        'total_ucr >= 0 and used_ucr >= 0 and expired_ucr >= 0 and held_ucr >= 0 and remaining_ucr >= 0 and held_ucr <= remaining_ucr',
    },
  ],
});

export class Grant extends GrantSchema.class {}
GrantSchema.setClass(Grant);
