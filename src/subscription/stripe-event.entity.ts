import { defineEntity, p } from '@mikro-orm/core';

/** A webhook event as it arrived, stored before it is processed. */
export const StripeEventSchema = defineEntity({
  name: 'StripeEvent',
  tableName: 'stripe_events',
  properties: {
    eventId: p.text().primary(),
    type: p.text(),
    stripeCreatedAt: p.datetime().columnType('timestamptz'),
    payload: p.json<Record<string, unknown>>(),
    processedAt: p.datetime().columnType('timestamptz').nullable(),
    error: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

export class StripeEvent extends StripeEventSchema.class {}
StripeEventSchema.setClass(StripeEvent);
