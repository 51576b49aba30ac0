import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { PostingRepository } from './posting.repository.js';

export const POSTING_KINDS = [
  'grant',
  'usage',
  'expiry',
  'roll_out',
  'roll_in',
  'forfeit',
  'adjustment',
  'refund',
  'debt',
  'debt_repayment',
] as const;
export type PostingKind = (typeof POSTING_KINDS)[number];

/** One signed, append-only line per change of a grant or of the debt. A debt line has no grant and is positive; the refund of one has none either and is negative. */
export const CreditPostingSchema = defineEntity({
  name: 'CreditPosting',
  tableName: 'credit_postings',
  repository: () => PostingRepository,
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().createForeignKeyConstraint(false),
    createdAt: p.datetime().columnType('timestamptz').primary(),
    id: p.uuid().primary(),
    creditId: p.uuid().nullable().index(),
    holdId: p.uuid().nullable(),
    kind: p.enum(POSTING_KINDS).nativeEnumName('posting_kind'),
    amountUcr: p.bigint(),
    actorId: () => p.manyToOne(User).mapToPk().fieldName('actor_id').nullable().deleteRule('restrict').index(),
    reason: p.text().nullable(),
  },
  checks: [{ name: 'credit_postings_amount_check', expression: 'amount_ucr <> 0' }],
});

export class CreditPosting extends CreditPostingSchema.class {}
CreditPostingSchema.setClass(CreditPosting);

/** Which line cancels which: at most one reversal per original, over all time. */
export const CreditReversalSchema = defineEntity({
  name: 'CreditReversal',
  tableName: 'credit_reversals',
  properties: {
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').primary().deleteRule('restrict'),
    originalId: p.uuid().primary(),
    reversalId: p.uuid(),
    createdAt: p.datetime().columnType('timestamptz'),
  },
  uniques: [{ name: 'credit_reversals_user_id_reversal_id_unique', properties: ['userId', 'reversalId'] }],
});

export class CreditReversal extends CreditReversalSchema.class {}
CreditReversalSchema.setClass(CreditReversal);
