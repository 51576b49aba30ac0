import { AppError } from '../common/errors/app-error.js';
import type { ReserveResult } from '../credits/hold.repository.js';

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

export class RateLimitedError extends AppError {
  static readonly code = 'rate_limited';
  static readonly status = 429;
  static readonly title = 'A limit of the plan is reached';
  static readonly openaiType = 'rate_limit_error';

  constructor(limit: NonNullable<ReserveResult['limit']>, now: Date) {
    const { name, value, remaining, resetAt } = limit;
    const seconds = resetAt
      ? Math.max(1, Math.ceil((resetAt.getTime() - now.getTime()) / 1_000))
      : CONCURRENCY_RETRY_SECONDS;
    super(
      `The plan allows ${value} ${name.replaceAll('_', ' ')}. Try again in ${seconds} s, or move to a larger plan.`,
      {
        details: {
          limitName: name,
          limit: Number(value),
          remaining: Number(remaining),
          resetAt: resetAt?.toISOString() ?? null,
          retryAfterSeconds: seconds,
        },
        headers: { 'retry-after': String(seconds) },
      },
    );
  }
}
