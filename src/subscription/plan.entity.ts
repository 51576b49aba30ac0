import { defineEntity, p } from '@mikro-orm/core';
import { TIERS } from '../common/domain/tiers.js';

/** What a tier gives and allows. A limit that is null does not apply. */
export const PlanSchema = defineEntity({
  name: 'Plan',
  tableName: 'plans',
  properties: {
    tier: p.enum(TIERS).nativeEnumName('subscription_tier').primary(),
    rank: p.smallint().unique('plans_rank_unique'),
    displayName: p.text(),
    monthlyCreditsUcr: p.bigint(),
    rolloverPercent: p.smallint().default(0),
    rolloverMaxUcr: p.bigint().defaultRaw('0'),
    rolloverMinCarryUcr: p.bigint(),
    rolloverPeriods: p.smallint().default(1),
    concurrentRequests: p.integer(),
    requestsPerMinute: p.integer(),
    tokensPerMinute: p.integer().nullable(),
    requestsPerDay: p.integer().nullable(),
    tokensPerDay: p.bigint().nullable(),
    requestsPerMonth: p.integer().nullable(),
    tokensPerMonth: p.bigint().nullable(),
    trialDays: p.smallint().default(0),
    graceDays: p.smallint().default(0),
    redirectLegacyModels: p.boolean().default(false),
    stripePriceId: p.text().nullable(),
    isPublic: p.boolean().default(true),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  checks: [
    {
      name: 'plans_amounts_check',
      expression:
        'monthly_credits_ucr >= 0 and rollover_max_ucr >= 0 and rollover_min_carry_ucr >= 0 and rollover_periods >= 1 and rollover_percent >= 0 and rollover_percent <= 100',
    },
  ],
});

export class Plan extends PlanSchema.class {}
PlanSchema.setClass(Plan);
