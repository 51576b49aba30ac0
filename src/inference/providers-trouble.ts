import type { AppError } from '../common/errors/app-error.js';
import { ProviderFailedError, ProviderTimeoutError, ProviderUnavailableError } from './inference.errors.js';

/** What another provider, or the same one later, may do better: a request that is refused would be refused again, and a stopping server stops. */
export function isProvidersTrouble(error: AppError): boolean {
  return (
    error instanceof ProviderFailedError ||
    error instanceof ProviderTimeoutError ||
    error instanceof ProviderUnavailableError
  );
}
