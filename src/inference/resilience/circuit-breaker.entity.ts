import { defineEntity, p } from '@mikro-orm/core';

export const CIRCUIT_STATES = ['closed', 'open', 'half_open'] as const;
export type CircuitStateName = (typeof CIRCUIT_STATES)[number];

export const CircuitBreakerStatusSchema = defineEntity({
  name: 'CircuitBreakerStatus',
  tableName: 'circuit_breaker_status',
  properties: {
    provider: p.string().length(100).primary(),
    modelId: p.string().length(100).primary(),
    state: p.enum(CIRCUIT_STATES).nativeEnumName('circuit_state').default('closed'),
    failureCount: p.integer().default(0),
    openedAt: p.datetime().columnType('timestamptz').nullable(),
    /** Null in an open circuit: an operator holds it open. */
    nextProbeAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  checks: [{ name: 'circuit_breaker_status_opened_check', expression: "(state = 'closed') = (opened_at is null)" }],
});

/** The last that any replica learned of the way to one model of one provider. */
export class CircuitBreakerStatus extends CircuitBreakerStatusSchema.class {}
CircuitBreakerStatusSchema.setClass(CircuitBreakerStatus);

export const ErrorMetricSchema = defineEntity({
  name: 'ErrorMetric',
  tableName: 'error_metrics',
  properties: {
    errorType: p.string().length(100).primary(),
    provider: p.string().length(100).primary(),
    timeWindow: p.datetime().columnType('timestamptz').primary(),
    count: p.integer().default(0),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** How often one kind of failure of a provider came up within one hour. */
export class ErrorMetric extends ErrorMetricSchema.class {}
ErrorMetricSchema.setClass(ErrorMetric);

export const ErrorLogSchema = defineEntity({
  name: 'ErrorLog',
  tableName: 'error_logs',
  properties: {
    id: p.uuid().primary(),
    errorType: p.string().length(100),
    message: p.text(),
    context: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    requestId: p.uuid().nullable(),
    /** References `ai_analyses`, whose module lies above this one: the foreign key is in the database alone. */
    analysisId: p.uuid().nullable().index(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()').index(),
  },
});

/** One failure of a provider, with what led to it. Never a prompt, a key or an answer. */
export class ErrorLog extends ErrorLogSchema.class {}
ErrorLogSchema.setClass(ErrorLog);
