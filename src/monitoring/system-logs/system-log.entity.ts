import { defineEntity, p } from '@mikro-orm/core';

export const SYSTEM_LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type SystemLogLevel = (typeof SYSTEM_LOG_LEVELS)[number];

/** A line of the log, as redacted as the log itself. By month. */
export const SystemLogSchema = defineEntity({
  name: 'SystemLog',
  tableName: 'system_logs',
  properties: {
    createdAt: p.datetime().columnType('timestamptz').primary(),
    id: p.uuid().primary(),
    level: p.enum(SYSTEM_LOG_LEVELS).nativeEnumName('system_log_level'),
    message: p.text(),
    /** The part of the product that logged it. */
    service: p.text(),
    metadata: p.json<Record<string, unknown>>().defaultRaw(`'{}'`),
    /** References `users`, whose module lies above this one: the foreign key is in the database alone. */
    userId: p.uuid().nullable(),
    /** The sign-in or API key that the request came with. */
    sessionId: p.text().nullable(),
  },
  indexes: [
    { name: 'idx_system_logs_level_created', properties: ['level', 'createdAt'] },
    { name: 'idx_system_logs_service_created', properties: ['service', 'createdAt'] },
    { name: 'idx_system_logs_user_created', properties: ['userId', 'createdAt'] },
    {
      name: 'idx_system_logs_session_created',
      properties: ['sessionId', 'createdAt'],
      where: { sessionId: { $ne: null } },
    },
    {
      name: 'idx_system_logs_request',
      expression: `create index "idx_system_logs_request" on "system_logs" using btree (("metadata" ->> 'requestId'))`,
    },
  ],
});

export class SystemLog extends SystemLogSchema.class {}
SystemLogSchema.setClass(SystemLog);
