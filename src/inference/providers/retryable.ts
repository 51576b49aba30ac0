/** Answers of a provider that turned the request away before any work: too many, gone, overloaded. */
const RETRYABLE_STATUSES = new Set([429, 502, 503, 529]);
/** Nobody was reached, so nobody did anything. A connection that breaks later may have. */
const UNSENT_CODES = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
const CAUSES_MAX = 5;

export function isRetryableStatus(status: number): boolean {
  return RETRYABLE_STATUSES.has(status);
}

/** Whether a request failed before it could be sent. */
export function wasNeverSent(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < CAUSES_MAX && cause instanceof Error; depth += 1) {
    if ('code' in cause && UNSENT_CODES.has(String(cause.code))) return true;
    cause = cause.cause;
  }
  return false;
}
