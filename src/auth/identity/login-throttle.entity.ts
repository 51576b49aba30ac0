import { defineEntity, p } from '@mikro-orm/core';

/** Failed sign-ins per account, address or pair. A key is blocked for a while, never for ever: throttling is not a state of the user. */
export const LoginThrottleSchema = defineEntity({
  name: 'LoginThrottle',
  tableName: 'login_throttle',
  properties: {
    key: p.text().primary(),
    failures: p.integer().check('failures >= 0'),
    windowStart: p.datetime().columnType('timestamptz').index(),
    blockedUntil: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
    updatedAt: p.datetime().columnType('timestamptz').defaultRaw('now()'),
  },
});

export class LoginThrottle extends LoginThrottleSchema.class {}
LoginThrottleSchema.setClass(LoginThrottle);
