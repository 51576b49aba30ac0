import { AppError } from '../common/errors/app-error.js';

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
