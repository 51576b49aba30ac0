import { hostname } from 'node:os';
import * as oauth from 'openid-client';
import { Failure } from './failure.js';
import { listenOnLoopback } from './loopback.js';
import type { StoredTokens } from './token-file.js';

const SCOPE = 'openid email profile llm.inference models.read user.info credits.read';
const APP_VERSION = '0.1.0';

export interface SignInRequest {
  configuration: oauth.Configuration;
  /** Brings the person, or a script in their place, to the sign-in page. */
  visit: (address: URL) => void | Promise<void>;
  waitMs: number;
}

/** Authorization code with PKCE over a loopback redirect (RFC 8252). @throws Failure */
export async function signIn({ configuration, visit, waitMs }: SignInRequest): Promise<StoredTokens> {
  const checks = {
    pkceCodeVerifier: oauth.randomPKCECodeVerifier(),
    expectedState: oauth.randomState(),
    expectedNonce: oauth.randomNonce(),
    idTokenExpected: true,
  };
  const loopback = await listenOnLoopback(checks.expectedState);
  const tooLate = Promise.withResolvers<never>();
  const timer = setTimeout(() => tooLate.reject(neverCameBack(waitMs)), waitMs);
  try {
    const address = oauth.buildAuthorizationUrl(configuration, {
      redirect_uri: loopback.redirectUri,
      scope: SCOPE,
      code_challenge: await oauth.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      // Shown on the consent page and in the list of devices.
      device_name: hostname(),
      platform: process.platform,
      app_version: APP_VERSION,
    });
    const visited = Promise.resolve(visit(address)).then(() => tooLate.promise);
    const callback = await Promise.race([loopback.callback, visited, tooLate.promise]);
    const tokens = await oauth.authorizationCodeGrant(configuration, callback, checks);
    await loopback.answer('You are signed in');
    return toStoredTokens(tokens, tokens.claims()?.['email']);
  } catch (error) {
    const explained = explainSignIn(error);
    await loopback.answer('You are not signed in');
    throw explained;
  } finally {
    clearTimeout(timer);
    loopback.close();
  }
}

/** @throws Failure when the answer lacks the refresh token, without which the next start would have to sign in again */
export function toStoredTokens(
  tokens: oauth.TokenEndpointResponse & oauth.TokenEndpointResponseHelpers,
  email: unknown,
): StoredTokens {
  const { access_token: accessToken, refresh_token: refreshToken } = tokens;
  if (!refreshToken)
    throw new Failure('signIn', 'The server gave no refresh token; ask its operator about this client.');
  const accessExpiresAtMs = Date.now() + (tokens.expiresIn() ?? 0) * 1000;
  return { email: typeof email === 'string' ? email : '', accessToken, accessExpiresAtMs, refreshToken };
}

function neverCameBack(waitMs: number): Failure {
  const seconds = waitMs / 1000;
  const time = seconds < 120 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
  return new Failure(
    'signIn',
    `The browser did not come back within ${time}: start again, or wait longer with --wait.`,
  );
}

function explainSignIn(error: unknown): unknown {
  if (error instanceof oauth.AuthorizationResponseError) {
    if (error.error === 'access_denied')
      return new Failure('signIn', 'The sign-in was cancelled in the browser, and nothing was kept of it.', error);
    return new Failure('signIn', `The server refused the sign-in: ${error.error_description ?? error.error}.`, error);
  }
  if (error instanceof oauth.ResponseBodyError)
    return new Failure('signIn', `The server refused the sign-in: ${error.error_description ?? error.error}.`, error);
  if (error instanceof oauth.ClientError && error.code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED')
    return new Failure(
      'signIn',
      "This computer's clock is too far from the server's; set it right and sign in again.",
      error,
    );
  return error;
}
