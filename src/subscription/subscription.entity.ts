import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { TIERS } from '../common/domain/tiers.js';
import { SUBSCRIPTION_STATUSES } from './domain/transitions.js';
import { SubscriptionRepository } from './subscription.repository.js';

export const SUBSCRIPTION_CHANGE_STATES = ['scheduled', 'applied', 'replaced', 'cancelled'] as const;

/** A user's plan over time. At most one is live (`active` or `suspended`); past due is `active` with `graceEndsAt`. */
export const SubscriptionSchema = defineEntity({
  name: 'Subscription',
  tableName: 'subscriptions',
  repository: () => SubscriptionRepository,
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    tier: p.enum(TIERS).nativeEnumName('subscription_tier'),
    status: p.enum(SUBSCRIPTION_STATUSES).nativeEnumName('subscription_status').default('active'),
    billingAnchorAt: p.datetime().columnType('timestamptz'),
    periodIndex: p.integer().default(0),
    currentPeriodStart: p.datetime().columnType('timestamptz'),
    currentPeriodEnd: p.datetime().columnType('timestamptz'),
    cancelAtPeriodEnd: p.boolean().default(false),
    trialEndsAt: p.datetime().columnType('timestamptz').nullable(),
    graceEndsAt: p.datetime().columnType('timestamptz').nullable(),
    /** What the current period was given, by its opening or the last change at once. Null: the plan's. */
    allowanceUcr: p.bigint().nullable(),
    /** What changes downwards should have taken back in this period, and could not: it was used. */
    owedUcr: p.bigint().defaultRaw('0'),
    /** What both count for: another tier or period was given something else, by a version that did not write it down here. */
    allowanceTier: p.enum(TIERS).nativeEnumName('subscription_tier').nullable(),
    allowancePeriod: p.integer().nullable(),
    stripeCustomerId: p.text().nullable(),
    stripeSubscriptionId: p.text().nullable().unique('subscriptions_stripe_subscription_id_unique'),
    version: p.integer().default(1),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  uniques: [{ name: 'subscriptions_live_unique', properties: ['userId'], where: `status in ('active', 'suspended')` }],
  checks: [
    {
      name: 'subscriptions_period_check',
      expression: 'period_index >= 0 and current_period_start < current_period_end',
    },
    { name: 'subscriptions_allowance_check', expression: 'allowance_ucr >= 0 and owed_ucr >= 0' },
  ],
});

export class Subscription extends SubscriptionSchema.class {}
SubscriptionSchema.setClass(Subscription);

/** A change of tier, applied at once or waiting for its time. */
export const SubscriptionChangeSchema = defineEntity({
  name: 'SubscriptionChange',
  tableName: 'subscription_changes',
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    subscriptionId: () =>
      p.manyToOne(Subscription).mapToPk().fieldName('subscription_id').deleteRule('cascade').index(),
    fromTier: p.enum(TIERS).nativeEnumName('subscription_tier'),
    toTier: p.enum(TIERS).nativeEnumName('subscription_tier'),
    effectiveAt: p.datetime().columnType('timestamptz'),
    state: p.enum(SUBSCRIPTION_CHANGE_STATES).nativeEnumName('subscription_change_state'),
    requestedBy: () => p.manyToOne(User).mapToPk().fieldName('requested_by').nullable().deleteRule('set null').index(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  uniques: [
    { name: 'subscription_changes_scheduled_unique', properties: ['subscriptionId'], where: `state = 'scheduled'` },
  ],
});

export class SubscriptionChange extends SubscriptionChangeSchema.class {}
SubscriptionChangeSchema.setClass(SubscriptionChange);

/** What happened to a subscription, why and by whom. */
export const SubscriptionEventSchema = defineEntity({
  name: 'SubscriptionEvent',
  tableName: 'subscription_events',
  properties: {
    id: p.uuid().primary(),
    subscriptionId: () =>
      p.manyToOne(Subscription).mapToPk().fieldName('subscription_id').deleteRule('cascade').index(),
    fromTier: p.enum(TIERS).nativeEnumName('subscription_tier').nullable(),
    toTier: p.enum(TIERS).nativeEnumName('subscription_tier').nullable(),
    fromStatus: p.enum(SUBSCRIPTION_STATUSES).nativeEnumName('subscription_status').nullable(),
    toStatus: p.enum(SUBSCRIPTION_STATUSES).nativeEnumName('subscription_status').nullable(),
    reason: p.text(),
    actorId: () => p.manyToOne(User).mapToPk().fieldName('actor_id').nullable().deleteRule('set null').index(),
    payload: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    createdAt: p.datetime().columnType('timestamptz'),
  },
});

export class SubscriptionEvent extends SubscriptionEventSchema.class {}
SubscriptionEventSchema.setClass(SubscriptionEvent);
