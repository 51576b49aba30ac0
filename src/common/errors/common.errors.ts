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

  constructor(cause?: unknown, accepted = 'application/json') {
    super(`Send the body as ${accepted}.`, { cause, details: { accepted: [accepted] } });
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

/** A change that does not say which state it was made from. */
export class IfMatchRequiredError extends AppError {
  static readonly code = 'if_match_required';
  static readonly status = 428;
  static readonly title = 'A change must name what it changes';
  static readonly openaiType = 'invalid_request_error';

  constructor(etag: string) {
    super('Read the resource, then send its ETag as If-Match, so that no one else’s change is lost.', {
      details: { etag },
      headers: { etag },
    });
  }
}

/** A change that was made from an older state. */
export class StaleEtagError extends AppError {
  static readonly code = 'stale_etag';
  static readonly status = 412;
  static readonly title = 'The resource has changed since it was read';
  static readonly openaiType = 'invalid_request_error';

  constructor(etag: string) {
    super(
      'Someone has changed this since you read it. Read it again, look at the difference, and send the change with the new ETag.',
      {
        details: { etag },
        headers: { etag },
      },
    );
  }
}
