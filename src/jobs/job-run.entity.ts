import { defineEntity, p } from '@mikro-orm/core';

export const JOB_OUTCOMES = ['completed', 'failed'] as const;
export type JobOutcome = (typeof JOB_OUTCOMES)[number];

export const JobRunSchema = defineEntity({
  name: 'JobRun',
  tableName: 'job_runs',
  properties: {
    job: p.text().primary(),
    ranAt: p.datetime().columnType('timestamptz'),
    finishedAt: p.datetime().columnType('timestamptz'),
    durationMs: p.integer(),
    outcome: p.enum(JOB_OUTCOMES).nativeEnumName('job_outcome'),
    summary: p.json<Record<string, number>>().defaultRaw(`'{}'`),
    reason: p.text().nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** The last run of each job over all replicas. `ranAt` is the product's time, `finishedAt` the wall's. */
export class JobRun extends JobRunSchema.class {}
JobRunSchema.setClass(JobRun);
