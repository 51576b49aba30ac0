import { beginningOf, storableText } from '../../common/domain/storable.js';
import { isAccountTrouble, type Refusal } from '../domain/account-trouble.js';
import { ProviderFailure, ProviderRejection } from './chat-provider.js';
import { isRetryableStatus } from './retryable.js';

/** Of what a provider says, what a caller is told. */
const MESSAGE_LENGTH_MAX = 500;
/** What a provider answers when the request itself is at fault; anything else is its own or the operator's trouble. */
const REJECTING_STATUSES = new Set([400, 413, 422]);
const FORBIDDEN = 403;

/** What the caller may know of a provider's answer with a status that is no success. */
export function refusalOf(statusCode: number, refusal: Refusal): ProviderRejection | ProviderFailure {
  const isCallers = REJECTING_STATUSES.has(statusCode) || (statusCode === FORBIDDEN && refusal.isFlagged === true);
  if (!isCallers) {
    // A body may tell of the operator's account, so only the status is shown.
    const isRetryable = isRetryableStatus(statusCode);
    return new ProviderFailure(`the provider answered with status ${statusCode}`, { isRetryable });
  }
  if (isAccountTrouble(refusal)) {
    return new ProviderFailure(`the provider refuses the account of this server with status ${statusCode}`);
  }
  return new ProviderRejection(toldMessage(refusal.message) || 'the provider refused the request without saying why');
}

/** What a caller is told of a text that comes from outside: short, and fit to be kept with what became of the request. */
export function toldMessage(text: string): string {
  return storableText(beginningOf(text, MESSAGE_LENGTH_MAX));
}
