import { defineEntity, p } from '@mikro-orm/core';
import { AppVersion } from './app-version.entity.js';

const AppVersionDeliverySchema = defineEntity({
  name: 'AppVersionDelivery',
  tableName: 'app_version_delivery',
  checks: [
    {
      name: 'app_version_delivery_rollout_percent_check',
      expression: 'rollout_percent >= 0 and rollout_percent <= 100',
    },
    { name: 'app_version_delivery_size_bytes_check', expression: 'size_bytes > 0' },
  ],
  properties: {
    appVersionId: () =>
      p
        .manyToOne(AppVersion)
        .mapToPk()
        .fieldName('app_version_id')
        .primary()
        .deleteRule('cascade')
        .updateRule('no action')
        .index(false),
    rolloutPercent: p.smallint().default(100),
    sizeBytes: p.bigint('number').nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

/** How a release reaches the installations. One without a row, from before there was this table, reaches all of them. */
export class AppVersionDelivery extends AppVersionDeliverySchema.class {}
AppVersionDeliverySchema.setClass(AppVersionDelivery);
