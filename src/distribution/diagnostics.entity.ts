import { defineEntity, p } from '@mikro-orm/core';

const DiagnosticsSchema = defineEntity({
  name: 'Diagnostics',
  tableName: 'diagnostics',
  checks: [{ name: 'diagnostics_size_bytes_check', expression: 'size_bytes >= 0' }],
  properties: {
    id: p.uuid().primary(),
    userId: p.uuid().nullable(),
    appVersion: p.text().nullable(),
    platform: p.text().nullable(),
    kind: p.text(),
    payload: p.json(),
    sizeBytes: p.integer(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** A crash report or log bundle that the app sent. */
export class Diagnostics extends DiagnosticsSchema.class {}
DiagnosticsSchema.setClass(Diagnostics);
