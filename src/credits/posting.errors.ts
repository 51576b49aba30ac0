import { formatCredits } from '../common/domain/micro-credits.js';
import { AppError } from '../common/errors/app-error.js';
import type { HoldState } from './hold.entity.js';

export class GrantEndedError extends AppError {
  static readonly code = 'grant_ended';
  static readonly status = 409;
  static readonly title = 'The grant has ended';
  static readonly openaiType = 'invalid_request_error';

  constructor(grantId: string, endedAt: Date | null) {
    const when = endedAt ? ` on ${endedAt.toISOString()}` : '';
    super(
      `The grant ${grantId} ended${when}, by its expiry or with its period: nothing can be added to it or taken from it. ` +
        `Give new credits instead: POST /admin/credits/grants.`,
      { details: { grantId, endedAt: endedAt?.toISOString() ?? null } },
    );
  }
}

export class CreditsNotFreeError extends AppError {
  static readonly code = 'credits_not_free';
  static readonly status = 422;
  static readonly title = 'Not that many credits are free';
  static readonly openaiType = 'invalid_request_error';

  constructor(grant: { id: string; freeUcr: bigint; heldUcr: bigint }, wantedUcr: bigint) {
    const free = formatCredits(grant.freeUcr);
    const held = grant.heldUcr > 0n ? ` (${formatCredits(grant.heldUcr)} more are held by requests under way)` : '';
    super(
      `${formatCredits(wantedUcr)} credits are to leave the grant ${grant.id}, of which ${free} are free${held}: ` +
        `take at most those, by an adjustment.`,
      {
        param: 'amount',
        details: { grantId: grant.id, free, held: formatCredits(grant.heldUcr) },
        errors: [{ field: 'amount', message: `at most ${free} credits are free` }],
      },
    );
  }
}

export class DebtRepaidError extends AppError {
  static readonly code = 'debt_repaid';
  static readonly status = 409;
  static readonly title = 'Less debt is left than that';
  static readonly openaiType = 'invalid_request_error';

  constructor(wantedUcr: bigint, debtUcr: bigint) {
    super(
      `The debt of ${formatCredits(wantedUcr)} credits has been repaid but for ${formatCredits(debtUcr)}, so it cannot be taken back. ` +
        `Give the user the credits instead: POST /admin/credits/grants.`,
      { details: { debt: formatCredits(debtUcr) } },
    );
  }
}

export class PostingReversedError extends AppError {
  static readonly code = 'posting_reversed';
  static readonly status = 409;
  static readonly title = 'The posting has been reversed';
  static readonly openaiType = 'invalid_request_error';

  constructor(postingId: string, reversalId: string) {
    super(`The posting ${postingId} was reversed before, by ${reversalId}. A posting is reversed once.`, {
      details: { postingId, reversalId },
    });
  }
}

export class PostingNotReversibleError extends AppError {
  static readonly code = 'posting_not_reversible';
  static readonly status = 422;
  static readonly title = 'This kind of posting is not reversed';
  static readonly openaiType = 'invalid_request_error';

  constructor(posting: { id: string; kind: string; isReversal: boolean }) {
    const what = posting.isReversal ? 'is itself a reversal' : `is a line of kind ${posting.kind}`;
    super(
      `The posting ${posting.id} ${what}. Usage, debt, grants and adjustments can be reversed; correct anything else by an adjustment ` +
        `or a new grant.`,
      { details: { postingId: posting.id, kind: posting.kind } },
    );
  }
}

export class HoldEndedError extends AppError {
  static readonly code = 'hold_ended';
  static readonly status = 409;
  static readonly title = 'The hold has ended';
  static readonly openaiType = 'invalid_request_error';

  constructor(holdId: string, state: HoldState) {
    super(
      `The hold ${holdId} has ended before: it is ${state}. To give back what it charged, refund the request: POST /admin/credits/refunds.`,
      { details: { holdId, state } },
    );
  }
}
