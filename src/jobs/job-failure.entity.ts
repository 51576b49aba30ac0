import { defineEntity, p } from '@mikro-orm/core';

export const JOB_FAILURE_STATES = ['open', 'retried', 'reversed', 'dismissed'] as const;
export type JobFailureState = (typeof JOB_FAILURE_STATES)[number];

export const JobFailureSchema = defineEntity({
  name: 'JobFailure',
  tableName: 'job_failures',
  checks: [{ name: 'job_failures_resolved_check', expression: "(state = 'open') = (resolved_at is null)" }],
  properties: {
    id: p.uuid().primary(),
    job: p.text().index(),
    entity: p.text(),
    entityId: p.text(),
    payload: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    reason: p.text(),
    attempts: p.integer().default(1),
    state: p.enum(JOB_FAILURE_STATES).nativeEnumName('job_failure_state').default('open'),
    resolvedBy: p.uuid().nullable().index(),
    resolvedAt: p.datetime().columnType('timestamptz').nullable(),
    resolution: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
  uniques: [{ name: 'job_failures_open_unique', properties: ['job', 'entity', 'entityId'], where: { state: 'open' } }],
});

/** Something that background work could not do: visible with its reason until it is retried, reversed or dismissed. */
export class JobFailure extends JobFailureSchema.class {}
JobFailureSchema.setClass(JobFailure);
