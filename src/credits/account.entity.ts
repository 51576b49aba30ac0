import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';

/** One row per user: the lock of all that is the user's money, the cached sums, and the counters of the tier's limits. */
export const CreditAccountSchema = defineEntity({
  name: 'CreditAccount',
  tableName: 'credit_accounts',
  properties: {
    userId: () =>
      p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('cascade').updateRule('no action'),
    balanceUcr: p.bigint().defaultRaw('0'),
    heldUcr: p.bigint().defaultRaw('0'),
    debtUcr: p.bigint().defaultRaw('0'),
    pendingCount: p.integer().default(0),
    nextDueAt: p.datetime().columnType('timestamptz').nullable().index(),
    suspendedAt: p.datetime().columnType('timestamptz').nullable(),
    minuteAt: p.datetime().columnType('timestamptz'),
    minuteRequests: p.integer().default(0),
    minuteTokens: p.bigint().defaultRaw('0'),
    dayAt: p.datetime().columnType('timestamptz'),
    dayRequests: p.integer().default(0),
    dayTokens: p.bigint().defaultRaw('0'),
    monthAt: p.datetime().columnType('timestamptz'),
    monthRequests: p.integer().default(0),
    monthTokens: p.bigint().defaultRaw('0'),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  checks: [
    {
      name: 'credit_accounts_amounts_check',
      expression:
        'balance_ucr >= 0 and held_ucr >= 0 and debt_ucr >= 0 and pending_count >= 0 and held_ucr <= balance_ucr',
    },
  ],
});

export class CreditAccount extends CreditAccountSchema.class {}
CreditAccountSchema.setClass(CreditAccount);
