import { AppError } from '../common/errors/app-error.js';
import type { Role, Scope } from '../common/http/route-markers.js';

/** Algorithms of proofs. Asymmetric only: whoever checks a proof must not be able to make one. The same as at the token endpoint. */
export const DPOP_ALGORITHMS = ['ES256', 'Ed25519', 'EdDSA'];

/** RFC 6750 section 3 allows neither quotes nor backslashes in a description, nor anything beyond ASCII. */
const NOT_IN_DESCRIPTION = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

/** RFC 6750 challenge. `resource_metadata` (RFC 9728) tells a client where to sign in. */
function challenge(
  resourceMetadata: string,
  parameters: Record<string, string>,
  scheme: 'Bearer' | 'DPoP' = 'Bearer',
): Record<string, string> {
  const all = { ...parameters, resource_metadata: resourceMetadata };
  const text = Object.entries(all)
    .map(([name, value]) => `${name}="${value.replace(NOT_IN_DESCRIPTION, "'")}"`)
    .join(', ');
  return { 'WWW-Authenticate': `${scheme} ${text}` };
}

export class InvalidTokenError extends AppError {
  static readonly code = 'invalid_token';
  static readonly status = 401;
  static readonly title = 'No valid access token';
  static readonly openaiType = 'authentication_error';

  constructor(reason: string, resourceMetadata: string) {
    super(reason, { headers: challenge(resourceMetadata, { error: 'invalid_token', error_description: reason }) });
  }
}

/** RFC 9449 section 7.1: the token may be good, but whoever sent it did not show that it is theirs. */
export class InvalidDpopProofError extends AppError {
  static readonly code = 'invalid_dpop_proof';
  static readonly status = 401;
  static readonly title = 'No valid proof of possession';
  static readonly openaiType = 'authentication_error';

  constructor(reason: string, resourceMetadata: string) {
    const parameters = { error: 'invalid_dpop_proof', error_description: reason, algs: DPOP_ALGORITHMS.join(' ') };
    super(reason, { headers: challenge(resourceMetadata, parameters, 'DPoP') });
  }
}

/** No credentials at all: RFC 6750 section 3 wants the challenge without an error code. */
export class MissingTokenError extends AppError {
  static readonly code = 'invalid_token';
  static readonly status = 401;
  static readonly title = 'No valid access token';
  static readonly openaiType = 'authentication_error';

  constructor(resourceMetadata: string) {
    super('Send an access token or an API key as "Authorization: Bearer <token>".', {
      headers: challenge(resourceMetadata, {}),
    });
  }
}

export class InsufficientScopeError extends AppError {
  static readonly code = 'insufficient_scope';
  static readonly status = 403;
  static readonly title = 'The token lacks a scope';
  static readonly openaiType = 'permission_error';

  constructor(anyOf: readonly Scope[], resourceMetadata: string) {
    super(`The access token needs the scope ${anyOf.join(' or ')}.`, {
      details: { scopes: anyOf },
      headers: challenge(resourceMetadata, { error: 'insufficient_scope', scope: anyOf.join(' ') }),
    });
  }
}

export class InsufficientRoleError extends AppError {
  static readonly code = 'insufficient_role';
  static readonly status = 403;
  static readonly title = 'This is for operators';
  static readonly openaiType = 'permission_error';

  constructor(anyOf: readonly Role[]) {
    super(`This needs the role ${anyOf.join(' or ')}.`, { details: { roles: anyOf } });
  }
}

export class InsufficientUserAuthenticationError extends AppError {
  static readonly code = 'insufficient_user_authentication';
  static readonly status = 401;
  static readonly title = 'A stronger or fresher sign-in is needed';
  static readonly openaiType = 'authentication_error';

  /** @param wanted At least one of them: how strong the sign-in has to be, and how many seconds old at most (RFC 9470). */
  constructor(wanted: { acrValues?: string | undefined; maxAge?: number }, resourceMetadata: string) {
    const { acrValues, maxAge } = wanted;
    const asked = {
      ...(acrValues !== undefined && { acr_values: acrValues }),
      ...(maxAge !== undefined && { max_age: String(maxAge) }),
    };
    super(`Sign in again${acrValues === undefined ? '' : ' with a second factor'}${describeFreshness(maxAge)}.`, {
      details: { ...(acrValues !== undefined && { acrValues }), ...(maxAge !== undefined && { maxAge }) },
      headers: challenge(resourceMetadata, { error: 'insufficient_user_authentication', ...asked }),
    });
  }
}

export class ApiKeyNotFoundError extends AppError {
  static readonly code = 'api_key_not_found';
  static readonly status = 404;
  static readonly title = 'There is no such API key';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('There is no API key with this id that still works. GET the list of keys again.', { param: 'id' });
  }
}

export class ApiKeyLimitError extends AppError {
  static readonly code = 'api_key_limit_reached';
  static readonly status = 409;
  static readonly title = 'There are as many API keys as there may be';
  static readonly openaiType = 'invalid_request_error';

  constructor(limit: number) {
    super(`You have ${limit} API keys, and more there cannot be. Revoke one that you do not use.`, {
      details: { limit },
    });
  }
}

export class AccountSuspendedError extends AppError {
  static readonly code = 'account_suspended';
  static readonly status = 403;
  static readonly title = 'The account is suspended';
  static readonly openaiType = 'permission_error';

  constructor() {
    super('This account is suspended. Ask the operator of this service.');
  }
}

/** One answer for every reason a sign-in fails, so that it tells nobody which addresses have an account. */
export class SignInFailedError extends AppError {
  static readonly code = 'sign_in_failed';
  static readonly status = 401;
  static readonly title = 'The sign-in failed';
  static readonly openaiType = 'authentication_error';

  constructor() {
    super('The address or the password is not right.');
  }
}

export class SignInThrottledError extends AppError {
  static readonly code = 'sign_in_throttled';
  static readonly status = 429;
  static readonly title = 'Too many sign-ins';
  static readonly openaiType = 'rate_limit_error';

  /** @param isFirst Whether the block refuses for the first time. */
  constructor(
    retryAfterSeconds: number,
    readonly isFirst = false,
  ) {
    super(`Too many attempts. Try again in ${describeWait(retryAfterSeconds)}.`, {
      details: { retryAfterSeconds },
      headers: { 'Retry-After': String(retryAfterSeconds) },
    });
  }
}

/** From one address to the endpoints of the sign-in; nothing was evaluated. */
export class TooManyRequestsError extends AppError {
  static readonly code = 'too_many_requests';
  static readonly status = 429;
  static readonly title = 'Too many requests';
  static readonly openaiType = 'rate_limit_error';

  constructor(retryAfterSeconds: number) {
    super(`Too many requests came from your address. Try again in ${describeWait(retryAfterSeconds)}.`, {
      details: { retryAfterSeconds },
      headers: { 'Retry-After': String(retryAfterSeconds) },
    });
  }
}

export class PasswordQueueFullError extends AppError {
  static readonly code = 'sign_in_busy';
  static readonly status = 429;
  static readonly title = 'Too many sign-ins at once';
  static readonly openaiType = 'rate_limit_error';

  constructor() {
    super('Many people are signing in at this moment. Try again in a few seconds.', {
      headers: { 'Retry-After': '5' },
    });
  }
}

export class InteractionExpiredError extends AppError {
  static readonly code = 'sign_in_expired';
  static readonly status = 400;
  static readonly title = 'This sign-in has expired';
  static readonly openaiType = 'invalid_request_error';

  constructor(cause?: unknown) {
    super('This sign-in has expired or belongs to another browser. Go back to the app and start again.', { cause });
  }
}

export class CrossSiteRequestError extends AppError {
  static readonly code = 'cross_site_request';
  static readonly status = 403;
  static readonly title = 'The request came from another site';
  static readonly openaiType = 'permission_error';

  constructor() {
    super('This form can only be sent from its own page.');
  }
}

export class InvalidEmailLinkError extends AppError {
  static readonly code = 'invalid_email_link';
  static readonly status = 400;
  static readonly title = 'This link does not work any more';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('The link was used already, has expired, or was made for another address. Ask for a new one.');
  }
}

export class UserNotFoundError extends AppError {
  static readonly code = 'user_not_found';
  static readonly status = 404;
  static readonly title = 'No such user';
  static readonly openaiType = 'invalid_request_error';

  constructor(email: string) {
    super(`There is no user ${email}.`);
  }
}

function describeFreshness(maxAge: number | undefined): string {
  if (maxAge === undefined) return '';
  return `: this needs a sign-in of the last ${Math.round(maxAge / 60)} minutes, and an API key is none`;
}

export class DeviceNotFoundError extends AppError {
  static readonly code = 'device_not_found';
  static readonly status = 404;
  static readonly title = 'No such device';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Nobody is signed in there any more. GET the list again.');
  }
}

function describeWait(seconds: number): string {
  return seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}

/** A preference names a model that is not in the catalogue: the request is well-formed, so this is no 404 of its route. */
export class PreferredModelNotFoundError extends AppError {
  static readonly code = 'model_not_found';
  static readonly status = 422;
  static readonly title = 'There is no such model';
  static readonly openaiType = 'invalid_request_error';

  constructor(id: string) {
    super(
      `The model ${JSON.stringify(id)} does not exist. Use the id of one that GET /v1/models lists; aliases are no ids.`,
      {
        param: 'defaultModel',
        details: { defaultModel: id },
        errors: [{ field: 'defaultModel', message: 'must be the id of a model that GET /v1/models lists' }],
      },
    );
  }
}

/** A change that does not fit the state of the user. */
export class UserStateError extends AppError {
  static readonly code = 'user_state';
  static readonly status = 409;
  static readonly title = 'The user is not in the state for this';
  static readonly openaiType = 'invalid_request_error';

  constructor(reason: string) {
    super(`This cannot be done: ${reason}.`);
  }
}

/** Nobody could let anybody in again. */
export class LastOperatorError extends AppError {
  static readonly code = 'last_operator';
  static readonly status = 409;
  static readonly title = 'This is the last operator';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Make another operator first: without one nobody could administer this service.');
  }
}

export class EmailTakenError extends AppError {
  static readonly code = 'email_taken';
  static readonly status = 409;
  static readonly title = 'The address belongs to another user';
  static readonly openaiType = 'invalid_request_error';

  constructor() {
    super('Another user has this address. Search for it under /admin/users.', { param: 'email' });
  }
}
