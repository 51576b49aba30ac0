import { defineEntity, p } from '@mikro-orm/core';

export const JobCursorSchema = defineEntity({
  name: 'JobCursor',
  tableName: 'job_cursors',
  properties: {
    name: p.text().primary(),
    position: p.text(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** How far a job that reads a log has read it. */
export class JobCursor extends JobCursorSchema.class {}
JobCursorSchema.setClass(JobCursor);
