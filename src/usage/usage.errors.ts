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
  }
}

function adviceFor({ name }: LimitState): string {
  if (name === 'concurrent_requests') return 'Wait for one of your requests under way to end. ';
  return name.startsWith('tokens') ? 'A lower max_tokens or a shorter prompt needs fewer. ' : '';
}
