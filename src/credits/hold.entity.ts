import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { HoldRepository } from './hold.repository.js';

export const HOLD_STATES = ['pending', 'settled', 'voided', 'expired', 'settled_late'] as const;
export type HoldState = (typeof HOLD_STATES)[number];

/** How much one grant gave to a hold; the amount is text, because JSON numbers are no bigint. */
export interface HoldSlice {
  creditId: string;
  amountUcr: string;
}

/** An upper bound reserved before a request runs. Its id is the request id that the server made. */
export const HoldSchema = defineEntity({
  name: 'Hold',
  tableName: 'credit_holds',
  repository: () => HoldRepository,
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().createForeignKeyConstraint(false),
    id: p.uuid().primary(),
    accessId: p.uuid(),
    /** The ledger, not the hold, is refused where there is no such model. */
    modelId: p.string().length(100),
    modelVersionNo: p.integer(),
    amountUcr: p.bigint(),
    boundTokens: p.integer(),
    slices: p.json<HoldSlice[]>(),
    state: p.enum(HOLD_STATES).nativeEnumName('hold_state').default('pending'),
    /** For work that waits for its turn: no concurrent request until it is under way. */
    isWaiting: p.boolean().default(false),
    expiresAt: p.datetime().columnType('timestamptz'),
    endedAt: p.datetime().columnType('timestamptz').nullable(),
    costUcr: p.bigint().nullable(),
    newDebtUcr: p.bigint().defaultRaw('0'),
    attemptsCharged: p.smallint().default(0),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  indexes: [
    { name: 'credit_holds_expires_at_index', properties: ['expiresAt'], type: 'brin' },
    { name: 'credit_holds_waiting_index', properties: ['userId'], where: 'is_waiting' },
  ],
  checks: [
    {
      name: 'credit_holds_amounts_check',
      expression:
        'amount_ucr >= 0 and bound_tokens >= 0 and cost_ucr >= 0 and new_debt_ucr >= 0 and attempts_charged >= 0',
    },
  ],
});

export class Hold extends HoldSchema.class {}
HoldSchema.setClass(Hold);
