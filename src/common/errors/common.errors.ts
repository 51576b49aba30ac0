import { AppError, type FieldError } from './app-error.js';

/** A body, query or path parameter that breaks its rule; every failed field at once. */
export class InvalidRequestError extends AppError {
  static readonly code = 'invalid_request';
  static readonly status = 400;
  static readonly title = 'The request is not valid';
  static readonly openaiType = 'invalid_request_error';

  static of(errors: FieldError[]): InvalidRequestError {
    const message = errors.map((error) => `${error.field}: ${error.message}`).join('; ');
    return new InvalidRequestError(message, { errors, ...(errors[0] && { param: errors[0].field }) });
  }
}

export class BodyTooLargeError extends AppError {
  static readonly code = 'body_too_large';
  static readonly status = 413;
  static readonly title = 'The body is too large';
  static readonly openaiType = 'invalid_request_error';
}

export class HeadersTooLargeError extends AppError {
  static readonly code = 'headers_too_large';
  static readonly status = 431;
  static readonly title = 'The headers are too large';
  static readonly openaiType = 'invalid_request_error';
}

export class RequestTimeoutError extends AppError {
  static readonly code = 'request_timeout';
  static readonly status = 408;
  static readonly title = 'The request took too long to arrive';
  static readonly openaiType = 'invalid_request_error';
}

export class UnsupportedMediaTypeError extends AppError {
  static readonly code = 'unsupported_media_type';
  static readonly status = 415;
  static readonly title = 'This media type is not taken';
  static readonly openaiType = 'invalid_request_error';

  constructor(cause?: unknown) {
    super('Send the body as application/json.', { cause, details: { accepted: ['application/json'] } });
  }
}

export class NotFoundError extends AppError {
  static readonly code = 'not_found';
  static readonly status = 404;
  static readonly title = 'There is nothing here';
  static readonly openaiType = 'invalid_request_error';
}

/** The server has no room for the request now; the same request may succeed a little later. */
export class OverloadedError extends AppError {
  static readonly code = 'overloaded';
  static readonly status = 503;
  static readonly title = 'The server is busy';
  static readonly openaiType = 'server_error';
}
