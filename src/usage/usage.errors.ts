import { AppError } from '../common/errors/app-error.js';
import { type LimitState, secondsUntil } from './domain/limit-state.js';
import { rateLimitHeaders } from './domain/rate-limit-headers.js';

/** The token behind the request was revoked, or its device signed out, since it was checked. */
export class AccessRevokedError extends AppError {
  static readonly code = 'invalid_token';
  static readonly status = 401;
  static readonly title = 'The access was revoked';
  static readonly openaiType = 'authentication_error';

  constructor() {
    super('This device or key has been revoked. Sign in again.', {
      headers: { 'www-authenticate': 'Bearer error="invalid_token", error_description="the access was revoked"' },
    });
  }
}

/** A place among the concurrent requests has no time at which it is free: try again soon. */
const CONCURRENCY_RETRY_SECONDS = 1;

export interface LimitRefusal {
  state: LimitState;
  /** What the request would add: one, or the most tokens it can use. */
  needed: number;
  now: Date;
}

export class RateLimitedError extends AppError {
  static readonly code = 'rate_limited';
  static readonly status = 429;
  static readonly title = 'A limit of the plan is reached';
  static readonly openaiType = 'rate_limit_error';
  /** Whether it is tokens that are limited, of which a request needs the fewer the closer it is bounded. */
  readonly isOfTokens: boolean;

  constructor({ state, needed, now }: LimitRefusal) {
    const { name, limit, used, remaining, window } = state;
    const isTooLarge = limit !== null && BigInt(needed) > limit;
    const seconds = window ? secondsUntil(window.resetAt, now) : CONCURRENCY_RETRY_SECONDS;
    const wayOut = isTooLarge
      ? 'It can never pass: shorten it, lower max_tokens, or move to a larger plan.'
      : `${adviceFor(state)}Try again in ${seconds} s, or move to a larger plan.`;
    super(
      `The plan allows ${limit} ${name.replaceAll('_', ' ')}; ${remaining} are left, and this request needs ${needed}. ${wayOut}`,
      {
        details: {
          limitName: name,
          limit: Number(limit),
          used: Number(used),
          remaining: Number(remaining),
          needed,
          resetAt: window?.resetAt.toISOString() ?? null,
          retryAfterSeconds: isTooLarge ? null : seconds,
        },
        headers: {
          ...(isTooLarge ? { 'x-should-retry': 'false' } : { 'retry-after': String(seconds) }),
          ...rateLimitHeaders([state], now),
        },
      },
    );
    this.isOfTokens = isOfTokens(state);
  }
}

function adviceFor({ name }: LimitState): string {
  if (name === 'concurrent_requests') return 'Wait for one of your requests under way to end. ';
  return isOfTokens({ name }) ? 'A lower max_tokens or a shorter prompt needs fewer. ' : '';
}

function isOfTokens({ name }: Pick<LimitState, 'name'>): boolean {
  return name.startsWith('tokens');
}

export class BudgetNotFoundError extends AppError {
  static readonly code = 'budget_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such budget';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No budget has this id. GET /admin/budgets lists them.');
  }
}

export class WebhookEndpointNotFoundError extends AppError {
  static readonly code = 'webhook_endpoint_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such address';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('No address for webhooks has this id. GET /admin/webhook-endpoints lists them.');
  }
}

/** A budget with a hard stop is used up: nothing that the caller can do changes that before its period ends. */
export class BudgetExceededError extends AppError {
  static readonly code = 'budget_exceeded';
  static readonly status = 429;
  static readonly title = 'A budget of the operator is used up';
  static readonly openaiType = 'rate_limit_error';

  constructor({ scope, until }: { scope: string; until: Date }) {
    super(
      `The operator's budget (${scope}) is used up until ${until.toISOString()}. Ask the operator to raise it, or try again then.`,
      { details: { budget: scope, resetAt: until.toISOString() }, headers: { 'x-should-retry': 'false' } },
    );
  }
}
