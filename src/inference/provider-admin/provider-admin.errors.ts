import { AppError } from '../../common/errors/app-error.js';

/** An operator asks about a provider that this server has no account for. */
export class ProviderNotConfiguredError extends AppError {
  static readonly code = 'provider_not_configured';
  static readonly status = 404;
  static readonly title = 'No account for this provider';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(provider: string) {
    super(`There is no account for "${provider}". POST /admin/providers/credentials adds one.`, { param: 'provider' });
  }
}

export class ProviderCredentialNotFoundError extends AppError {
  static readonly code = 'provider_credential_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such account';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor() {
    super('No provider credential has this id. GET /admin/providers lists them.', { param: 'id' });
  }
}

export class ProviderCredentialExistsError extends AppError {
  static readonly code = 'provider_credential_exists';
  static readonly status = 409;
  static readonly title = 'The provider has an account of this name';
  static readonly openaiType = 'invalid_request_error' as const;

  constructor(provider: string, name: string) {
    super(`"${provider}" has an account called "${name}". Rotate that one, or choose another name.`, { param: 'name' });
  }
}
