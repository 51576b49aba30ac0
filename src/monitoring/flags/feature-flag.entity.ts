import { defineEntity, p } from '@mikro-orm/core';

/** For whom a flag is on, where an operator has said so. */
export const FeatureFlagSchema = defineEntity({
  name: 'FeatureFlag',
  tableName: 'feature_flags',
  properties: {
    key: p.text().primary(),
    description: p.text(),
    isEnabled: p.boolean().default(false),
    percent: p.smallint().default(0),
    tiers: p.array().columnType('text[]').defaultRaw(`'{}'`),
    userIds: p.array().columnType('uuid[]').defaultRaw(`'{}'`),
    /** References `users`, whose module lies above this one: the foreign key is in the database alone. */
    updatedBy: p.uuid().nullable().index(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  checks: [
    { name: 'feature_flags_percent_check', expression: 'percent >= 0 and percent <= 100' },
    {
      name: 'feature_flags_tiers_check',
      expression: `tiers <@ array['free', 'pro', 'pro_max', 'enterprise']`,
    },
  ],
});

export class FeatureFlag extends FeatureFlagSchema.class {}
FeatureFlagSchema.setClass(FeatureFlag);
