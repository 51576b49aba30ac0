import { defineEntity, p } from '@mikro-orm/core';

const IntakeRateSchema = defineEntity({
  name: 'IntakeRate',
  tableName: 'intake_rates',
  indexes: [{ name: 'intake_rates_expire_index', properties: ['expire'] }],
  properties: {
    key: p.string().length(255).primary(),
    points: p.integer().default(0),
    /** Milliseconds since 1970. */
    expire: p.bigint().nullable(),
  },
});

/** How much one sender has sent of one kind in the present window. Written by `IntakeRates` alone. */
export class IntakeRate extends IntakeRateSchema.class {}
IntakeRateSchema.setClass(IntakeRate);
