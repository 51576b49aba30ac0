import { AppError } from '../common/errors/app-error.js';
import type { Lifecycle } from './domain/lifecycle.js';

/** No model has this id or alias. */
export class ModelNotFoundError extends AppError {
  static readonly code = 'model_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such model';
  static readonly openaiType = 'invalid_request_error';

  static of(id: string): ModelNotFoundError {
    return new ModelNotFoundError(
      `The model ${JSON.stringify(id.slice(0, 100))} does not exist. GET /v1/models lists those that do.`,
      {
        param: 'model',
      },
    );
  }
}

/** A model of this id is there already. */
export class ModelExistsError extends AppError {
  static readonly code = 'model_exists';
  static readonly status = 409;
  static readonly title = 'There is such a model already';
  static readonly openaiType = 'invalid_request_error';

  constructor(id: string) {
    super(`The model ${JSON.stringify(id.slice(0, 100))} exists. Read it and change it, or choose another id.`, {
      param: 'id',
    });
  }
}

export class ModelVersionNotFoundError extends AppError {
  static readonly code = 'model_version_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such version';
  static readonly openaiType = 'invalid_request_error';

  constructor(id: string, versionNo: number, latest: number) {
    super(`The model ${id} has no version ${versionNo}; its latest is ${latest}.`, { details: { latest } });
  }
}

/** A step in a model's life that the rules do not allow now. */
export class LifecycleRefusedError extends AppError {
  static readonly code = 'lifecycle_refused';
  static readonly status = 409;
  static readonly title = 'The model cannot take this step now';
  static readonly openaiType = 'invalid_request_error';

  constructor(step: { from: Lifecycle; to: Lifecycle; allowed: readonly Lifecycle[]; reasons: string[] }) {
    super(step.reasons.join(' '), { param: 'to', details: step });
  }
}
