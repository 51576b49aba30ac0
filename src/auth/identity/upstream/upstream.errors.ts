import { AppError } from '../../../common/errors/app-error.js';

export class UpstreamNotFoundError extends AppError {
  static readonly code = 'upstream_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such sign-in';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Nobody can sign in there for this service. Go back and choose another way.');
  }
}

/** The provider itself is at fault, or the way to it. */
export class UpstreamUnavailableError extends AppError {
  static readonly code = 'upstream_unavailable';
  static readonly status = 503;
  static readonly title = 'The other sign-in does not answer';
  static readonly openaiType = 'server_error';

  constructor(provider: string, cause?: unknown) {
    super(`${provider} does not answer. Try again in a few minutes, or sign in another way.`, {
      details: { provider },
      cause,
    });
  }
}

/** The person cancelled, took too long, or the answer is not one to what this browser asked; the cause tells which. */
export class UpstreamSignInFailedError extends AppError {
  static readonly code = 'upstream_sign_in_failed';
  static readonly status = 400;
  static readonly title = 'The other sign-in did not work';
  static readonly openaiType = 'invalid_request_error';

  constructor(provider: string, cause?: unknown) {
    super(
      `The sign-in with ${provider} was cancelled, has expired or was refused. Try again, or sign in another way.`,
      { details: { provider }, cause },
    );
  }
}

/** An account of an address that may be somebody else's would be somebody else's account. */
export class UpstreamAddressUnverifiedError extends AppError {
  static readonly code = 'upstream_address_unverified';
  static readonly status = 409;
  static readonly title = 'Your address is not confirmed';
  static readonly openaiType = 'invalid_request_error';

  constructor(provider: string) {
    super(
      `${provider} does not say that your e-mail address is confirmed. Create an account with a password here, confirm the address, and connect ${provider} in your account.`,
      { details: { provider } },
    );
  }
}

/** An address alone never opens an account that is there already: whoever registered it may be somebody else. */
export class UpstreamAddressTakenError extends AppError {
  static readonly code = 'upstream_address_taken';
  static readonly status = 409;
  static readonly title = 'You have an account here already';
  static readonly openaiType = 'invalid_request_error';

  constructor(provider: string) {
    super(
      `There is an account with this address already. Sign in as before, or by “Forgot your password?”, and connect ${provider} in your account.`,
      { details: { provider } },
    );
  }
}

export class IdentityTakenError extends AppError {
  static readonly code = 'identity_taken';
  static readonly status = 409;
  static readonly title = 'This account is connected already';
  static readonly openaiType = 'invalid_request_error';

  constructor(provider: string) {
    super(`This account at ${provider} opens another account here. Sign in with it and remove it there first.`, {
      details: { provider },
    });
  }
}

export class AddressNotConfirmedError extends AppError {
  static readonly code = 'address_not_confirmed';
  static readonly status = 409;
  static readonly title = 'Your address is not confirmed yet';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super(
      'Confirm your address first: the link is in the mail of your registration, and “Forgot your password?” sends a new one.',
    );
  }
}

export class LastWayInError extends AppError {
  static readonly code = 'last_way_in';
  static readonly status = 409;
  static readonly title = 'This is your only way in';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Without it you could not sign in any more. Choose a password first.');
  }
}
