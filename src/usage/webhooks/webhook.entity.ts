import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../../auth/identity/user.entity.js';

/** What an endpoint can be told. `webhook.test` is sent on request, to any endpoint. */
export const WEBHOOK_EVENTS = ['budget.alert'] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number] | 'webhook.test';

export const WebhookEndpointSchema = defineEntity({
  name: 'WebhookEndpoint',
  tableName: 'webhook_endpoints',
  properties: {
    id: p.uuid().primary(),
    url: p.text(),
    /** The secret that signs, sealed for this row. */
    secretSealed: p.blob(),
    events: p.array(String).columnType('text[]'),
    isActive: p.boolean().default(true),
    createdBy: () => p.manyToOne(User).mapToPk().fieldName('created_by').nullable().deleteRule('set null').index(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

/** An address of the operator that is told of events. */
export class WebhookEndpoint extends WebhookEndpointSchema.class {}
WebhookEndpointSchema.setClass(WebhookEndpoint);

export const WEBHOOK_STATES = ['pending', 'delivered', 'failed'] as const;

export const WebhookDeliverySchema = defineEntity({
  name: 'WebhookDelivery',
  tableName: 'webhook_deliveries',
  properties: {
    id: p.uuid().primary(),
    endpointId: () => p.manyToOne(WebhookEndpoint).mapToPk().fieldName('endpoint_id').deleteRule('cascade'),
    event: p.text(),
    payload: p.json<Record<string, unknown>>(),
    state: p.enum(WEBHOOK_STATES).nativeEnumName('webhook_delivery_state').default('pending'),
    attempts: p.integer().default(0),
    nextAttemptAt: p.datetime().columnType('timestamptz'),
    responseStatus: p.smallint().nullable(),
    lastError: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz').index(),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [
    { name: 'webhook_deliveries_endpoint_id_id_index', properties: ['endpointId', 'id'] },
    { name: 'webhook_deliveries_next_attempt_at_index', properties: ['nextAttemptAt'], where: `state = 'pending'` },
  ],
});

/** One event for one endpoint: sent until it is taken, or given up. */
export class WebhookDelivery extends WebhookDeliverySchema.class {}
WebhookDeliverySchema.setClass(WebhookDelivery);
