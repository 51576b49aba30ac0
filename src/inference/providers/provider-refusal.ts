import { beginningOf, storableText } from '../../common/domain/storable.js';
import { isAccountTrouble, type Refusal } from '../domain/account-trouble.js';
import { askedWaitMs } from '../domain/asked-wait.js';
import { ProviderFailure, ProviderRejection } from './chat-provider.js';
import { isRetryableStatus } from './retryable.js';

/** Of what a provider says, what a caller is told. */
const MESSAGE_LENGTH_MAX = 500;
/** What a provider answers when the request itself is at fault; anything else is its own or the operator's trouble. */
const REJECTING_STATUSES = new Set([400, 413, 422]);
const FORBIDDEN = 403;
/** A key that is none, and an account without money. */
const ACCOUNT_STATUSES = new Set([401, 402]);

interface LooseRefusal {
  code?: unknown;
  type?: unknown;
  message?: unknown;
  /** Why OpenRouter's moderation refuses a prompt, with the status of a missing permission. */
  metadata?: { reasons?: unknown } | null;
}

/** What servers of OpenAI's format say went wrong. */
export function readRefusal(error: unknown): Refusal {
  if (typeof error === 'string') return { message: error };
  const { code, type, message, metadata } = (error ?? {}) as LooseRefusal;
  const isFlagged = Array.isArray(metadata?.reasons);
  return { code, type, message: typeof message === 'string' ? message : '', isFlagged };
}

/**
 * What the caller may know of an error in the place of an answer: OpenRouter and vLLM write it where they have begun to answer with status 200,
 * and in it the status that it would have had. Null where it has none. It is not known that no work was done, so nobody is asked again.
 */
export function lateRefusalOf(error: unknown): ProviderRejection | ProviderFailure | null {
  const refusal = readRefusal(error);
  const { code: status } = refusal;
  if (!Number.isInteger(status) || (status as number) < 400 || (status as number) > 599) return null;
  const found = refusalOf(status as number, refusal);
  return found instanceof ProviderFailure ? new ProviderFailure(found.message) : found;
}

/** What the caller may know of a provider's answer with a status that is no success; `headers` are those that it came with. */
export function refusalOf(
  statusCode: number,
  refusal: Refusal,
  headers: Parameters<typeof askedWaitMs>[0] = {},
): ProviderRejection | ProviderFailure {
  // What an account lacks it lacks a moment later, whichever status says so.
  if (ACCOUNT_STATUSES.has(statusCode) || isAccountTrouble(refusal)) {
    return new ProviderFailure(`the provider refuses the account of this server with status ${statusCode}`);
  }
  const isCallers = REJECTING_STATUSES.has(statusCode) || (statusCode === FORBIDDEN && refusal.isFlagged === true);
  if (!isCallers) {
    // A body may tell of the operator's account, so only the status is shown.
    const isRetryable = isRetryableStatus(statusCode);
    const facts = { isRetryable, askedWaitMs: askedWaitMs(headers, Date.now()) };
    return new ProviderFailure(`the provider answered with status ${statusCode}`, facts);
  }
  return new ProviderRejection(toldMessage(refusal.message) || 'the provider refused the request without saying why');
}

/** What a caller is told of a text that comes from outside: short, and fit to be kept with what became of the request. */
export function toldMessage(text: string): string {
  return storableText(beginningOf(text, MESSAGE_LENGTH_MAX));
}
