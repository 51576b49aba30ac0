import type { AppError } from '../../common/errors/app-error.js';
import { OverloadedError } from '../../common/errors/common.errors.js';
import {
  ContextLengthExceededError,
  ModelUnavailableError,
  ParameterConstraintViolationError,
  ProviderRejectedError,
} from '../../inference/inference.errors.js';
import { isProvidersTrouble } from '../../inference/providers-trouble.js';

/** Why no model answered. */
export interface Failure {
  type: string;
  message: string;
  /** Whether a model may still answer once the trouble is over. */
  mayPass: boolean;
}

/**
 * What follows from a failed attempt: `again`, soon and uncounted, because this process had no room; `retry`, because the provider is in trouble;
 * `fail`, because the request itself would fail anywhere; `fall_back`, because the model may not be asked any more.
 */
export type Consequence = 'again' | 'retry' | 'fail' | 'fall_back';

export function consequenceOf(error: AppError): Consequence {
  if (error instanceof OverloadedError) return 'again';
  if (isProvidersTrouble(error)) return 'retry';
  const isFaulty =
    error instanceof ProviderRejectedError ||
    error instanceof ContextLengthExceededError ||
    error instanceof ParameterConstraintViolationError;
  return isFaulty ? 'fail' : 'fall_back';
}

export function failureOf(error: AppError): Failure {
  const mayPass = isProvidersTrouble(error) || error instanceof ModelUnavailableError;
  return { type: error.code, message: error.message, mayPass };
}
