import { AccountSuspendedError } from '../auth/auth.errors.js';
import type { AppError } from '../common/errors/app-error.js';
import {
  DebtOutstandingError,
  IdempotencyInProgressError,
  IdempotencyMismatchError,
  InsufficientCreditsError,
} from '../credits/credits.errors.js';
import type { ReserveResult } from '../credits/hold.repository.js';
import { SubscriptionInactiveError } from '../subscription/subscription.errors.js';
import { windowOf } from './domain/limit-state.js';
import { AccessRevokedError, RateLimitedError } from './usage.errors.js';

/** What a request tells of itself, to say how it could pass. */
export interface RefusedRequest {
  requestId: string;
  amountUcr: bigint;
  /** The most tokens that it can use. */
  boundTokens: number;
  now: Date;
  largestMaxTokens?: (availableUcr: bigint) => number | null;
}

function limitedBy({ limit }: ReserveResult, { boundTokens, now }: RefusedRequest): RateLimitedError {
  if (!limit) throw new Error('a limited request names no limit');
  const { name, value, remaining } = limit;
  const needed = name.startsWith('tokens') ? boundTokens : 1;
  return new RateLimitedError({
    state: { name, limit: value, used: value - remaining, remaining, window: windowOf(name, now) },
    needed,
    now,
  });
}

/** The error that a caller sees for each answer of `reserve` that is no hold. */
export function refusalOf(result: ReserveResult, request: RefusedRequest): AppError {
  const { availableUcr, heldUcr, debtUcr, nextGrantAt } = result;
  switch (result.outcome) {
    case 'insufficient':
      return new InsufficientCreditsError({
        neededUcr: request.amountUcr,
        availableUcr,
        heldUcr,
        debtUcr,
        nextGrantAt,
        largestMaxTokens: request.largestMaxTokens?.(availableUcr) ?? null,
      });
    case 'debt_outstanding':
      return new DebtOutstandingError({ debtUcr, nextGrantAt });
    case 'limited':
      return limitedBy(result, request);
    case 'access_revoked':
      return new AccessRevokedError();
    case 'account_suspended':
      return new AccountSuspendedError();
    case 'subscription_inactive':
      return SubscriptionInactiveError.suspended();
    case 'period_due':
      return SubscriptionInactiveError.periodDue();
    case 'conflict':
      return new IdempotencyMismatchError();
    case 'in_progress':
      return new IdempotencyInProgressError(result.claimedBy ?? request.requestId);
    case 'held':
    case 'no_account':
    case 'repeat':
    case 'replay':
      throw new Error(`reserving request ${request.requestId} answered ${result.outcome}`);
  }
}

/** Whether a request was refused for the most that it may need: then a closer bound may pass, where this one did not. */
export function isOfBound(error: unknown): boolean {
  return error instanceof InsufficientCreditsError || (error instanceof RateLimitedError && error.isOfTokens);
}
