import { formatCredits } from '../common/domain/micro-credits.js';
import { AppError } from '../common/errors/app-error.js';

export interface CreditRefusal {
  neededUcr: bigint;
  availableUcr: bigint;
  heldUcr: bigint;
  debtUcr: bigint;
  nextGrantAt: Date | null;
  /** The largest output limit that the balance covers; null when it does not cover the input either. */
  largestMaxTokens: number | null;
}

export class InsufficientCreditsError extends AppError {
  static readonly code = 'insufficient_credits';
  static readonly status = 402;
  static readonly title = 'Not enough credits';
  static readonly openaiType = 'insufficient_quota';
  readonly availableUcr: bigint;

  constructor(refusal: CreditRefusal) {
    super(insufficientMessage(refusal), {
      details: {
        needed: formatCredits(refusal.neededUcr),
        available: formatCredits(refusal.availableUcr),
        held: formatCredits(refusal.heldUcr),
        nextGrantAt: refusal.nextGrantAt?.toISOString() ?? null,
        largestMaxTokens: refusal.largestMaxTokens,
      },
    });
    this.availableUcr = refusal.availableUcr;
  }
}

export class DebtOutstandingError extends AppError {
  static readonly code = 'debt_outstanding';
  static readonly status = 402;
  static readonly title = 'A debt is open';
  static readonly openaiType = 'insufficient_quota';

  constructor(refusal: Pick<CreditRefusal, 'debtUcr' | 'nextGrantAt'>) {
    super(
      `An earlier request cost ${formatCredits(refusal.debtUcr)} credits more than there were. The next grant repays that first` +
        `${when(refusal.nextGrantAt)}; until then only free models answer.`,
      {
        details: {
          debt: formatCredits(refusal.debtUcr),
          nextGrantAt: refusal.nextGrantAt?.toISOString() ?? null,
        },
      },
    );
  }
}

export class UserNotFoundError extends AppError {
  static readonly code = 'user_not_found';
  static readonly status = 404;
  static readonly title = 'No such user';
  static readonly openaiType = 'invalid_request_error';

  constructor(userId: string) {
    super(`There is no user ${userId}. Look users up at GET /admin/users.`, { details: { userId } });
  }
}

export class IdempotencyKeyInvalidError extends AppError {
  static readonly code = 'idempotency_key_invalid';
  static readonly status = 400;
  static readonly title = 'The idempotency key is missing or malformed';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Send a header Idempotency-Key of 1 to 255 printable ASCII characters: the same key never acts twice.');
  }
}

export class IdempotencyMismatchError extends AppError {
  static readonly code = 'idempotency_mismatch';
  static readonly status = 422;
  static readonly title = 'The idempotency key was used for another request';
  static readonly openaiType = 'invalid_request_error';

  constructor(message = 'This Idempotency-Key came before with other parameters. Use a new key for a new request.') {
    super(message);
  }

  static ofPayment(paymentId: string): IdempotencyMismatchError {
    return new IdempotencyMismatchError(
      `The payment ${paymentId} has already given other credits, or has given them to another user. Each payment gives once.`,
    );
  }
}

/** How soon an answer under way may be there: most are a matter of seconds. */
const IN_PROGRESS_RETRY_SECONDS = 1;

export class IdempotencyInProgressError extends AppError {
  static readonly code = 'idempotency_in_progress';
  static readonly status = 409;
  static readonly title = 'The first request with this idempotency key is still under way';
  static readonly openaiType = 'invalid_request_error';

  /** @param underWay The id of the request that has the key. */
  constructor(underWay: string) {
    super(
      `A request with this Idempotency-Key is still under way. Send it again in ${IN_PROGRESS_RETRY_SECONDS} s to get its answer; it is charged once.`,
      {
        details: { originalRequestId: underWay, retryAfterSeconds: IN_PROGRESS_RETRY_SECONDS },
        headers: { 'retry-after': String(IN_PROGRESS_RETRY_SECONDS) },
      },
    );
  }
}

/** The request was answered and charged, and its answer was larger than what is kept. */
export class IdempotencyAnswerNotKeptError extends AppError {
  static readonly code = 'idempotency_answer_not_kept';
  static readonly status = 409;
  static readonly title = 'The answer was too large to be kept';
  static readonly openaiType = 'invalid_request_error';

  constructor(answered: { requestId: string; creditsCharged: string; limitBytes: number }) {
    super(
      `This Idempotency-Key was answered and charged once, and its answer was larger than the ${answered.limitBytes} bytes that are kept. ` +
        `Nothing was charged again. See GET /v1/usage/${answered.requestId} for the charge; a new key asks anew.`,
      {
        details: {
          originalRequestId: answered.requestId,
          creditsCharged: answered.creditsCharged,
          limitBytes: answered.limitBytes,
        },
        headers: { 'x-should-retry': 'false' },
      },
    );
  }
}

function insufficientMessage({
  neededUcr,
  availableUcr,
  heldUcr,
  nextGrantAt,
  largestMaxTokens,
}: CreditRefusal): string {
  const held = heldUcr > 0n ? ` (${formatCredits(heldUcr)} are held by requests under way)` : '';
  const wayOut =
    largestMaxTokens === null
      ? ` More credits come${when(nextGrantAt) || ' with a purchase or a grant'}.`
      : ` A max_tokens of ${largestMaxTokens} would pass.`;
  return `The request may cost up to ${formatCredits(neededUcr)} credits; ${formatCredits(availableUcr)} are available${held}.${wayOut}`;
}

function when(nextGrantAt: Date | null): string {
  return nextGrantAt ? ` on ${nextGrantAt.toISOString()}` : '';
}
