import type { AppError } from '../common/errors/app-error.js';
import { OverloadedError } from '../common/errors/common.errors.js';
import {
  ContextLengthExceededError,
  ModelUnavailableError,
  ParameterConstraintViolationError,
  ProviderFailedError,
  ProviderRejectedError,
  ProviderTimeoutError,
  ProviderUnavailableError,
} from '../inference/inference.errors.js';

/**
 * What follows from a failed attempt: `again`, soon and uncounted, because this process had no room; `retry`, because the provider is in trouble;
 * `fail`, because the request itself would fail anywhere; `fall_back`, because the model may not be asked any more.
 */
export type Consequence = 'again' | 'retry' | 'fail' | 'fall_back';

export function consequenceOf(error: AppError): Consequence {
  if (error instanceof OverloadedError) return 'again';
  if (isTrouble(error)) return 'retry';
  const isFaulty =
    error instanceof ProviderRejectedError ||
    error instanceof ContextLengthExceededError ||
    error instanceof ParameterConstraintViolationError;
  return isFaulty ? 'fail' : 'fall_back';
}

/** Whether a model's answer may still come once the trouble is over. */
export function mayPass(error: AppError): boolean {
  return isTrouble(error) || error instanceof ModelUnavailableError;
}

function isTrouble(error: AppError): boolean {
  return (
    error instanceof ProviderFailedError ||
    error instanceof ProviderTimeoutError ||
    error instanceof ProviderUnavailableError
  );
}
