import { ProviderRejectedError } from './inference.errors.js';

const REFUSED = 'The provider refused the request. What it said may quote the user, who alone is told.';

/** What operators are told of a failure, and what is kept of it beyond its user: a provider's refusal often quotes what it refuses. */
export function operatorsMessage<Message extends string | null>(code: string, message: Message): Message | string {
  return code === ProviderRejectedError.code ? REFUSED : message;
}
