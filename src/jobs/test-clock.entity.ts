import { defineEntity, p } from '@mikro-orm/core';

export const TestClockRowSchema = defineEntity({
  name: 'TestClockRow',
  tableName: 'test_clock',
  checks: [
    { name: 'test_clock_is_only_check', expression: 'is_only' },
    { name: 'test_clock_offset_ms_check', expression: 'offset_ms >= 0' },
  ],
  properties: {
    isOnly: p.boolean().primary().default(true),
    offsetMs: p.bigint().defaultRaw('0'),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

/** How far the product's time is ahead of the wall's, for all replicas; only in a sandbox is it heeded. */
export class TestClockRow extends TestClockRowSchema.class {}
TestClockRowSchema.setClass(TestClockRow);
