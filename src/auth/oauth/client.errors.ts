import { AppError } from '../../common/errors/app-error.js';

export class ClientNotFoundError extends AppError {
  static readonly code = 'client_not_found';
  static readonly status = 404;
  static readonly title = 'No such client';
  static readonly openaiType = 'invalid_request_error';

  constructor(clientId: string) {
    super(`No client is registered as ${JSON.stringify(clientId)}.`);
  }
}

export class ClientExistsError extends AppError {
  static readonly code = 'client_exists';
  static readonly status = 409;
  static readonly title = 'The client exists';
  static readonly openaiType = 'invalid_request_error';

  constructor(clientId: string) {
    super(`A client is registered as ${clientId} already. Choose another clientId, or change that one.`);
  }
}

export class ClientHasNoSecretError extends AppError {
  static readonly code = 'client_has_no_secret';
  static readonly status = 409;
  static readonly title = 'The client has no secret';
  static readonly openaiType = 'invalid_request_error';

  constructor(clientId: string) {
    super(`${clientId} is a public client: it proves itself with PKCE and has no secret to rotate.`);
  }
}
