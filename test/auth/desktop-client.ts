import * as client from 'openid-client';
import { Browser } from './browser.js';

export const DESKTOP_CLIENT_ID = 'textassistant-desktop';
export const DESKTOP_SCOPES = 'openid email profile llm.inference models.read user.info credits.read';
export const REDIRECT_URI = 'http://127.0.0.1:49817/callback';

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

export async function discover(url: string, clientId = DESKTOP_CLIENT_ID): Promise<client.Configuration> {
  return client.discovery(
    new URL(url),
    clientId,
    { id_token_signed_response_alg: 'ES256', token_endpoint_auth_method: 'none' },
    client.None(),
    { execute: [client.allowInsecureRequests] },
  );
}

export interface AuthorizationRequest {
  address: URL;
  verifier: string;
  state: string;
  nonce: string;
}

export async function authorizationRequest(
  configuration: client.Configuration,
  parameters: Record<string, string> = {},
): Promise<AuthorizationRequest> {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(configuration, {
    redirect_uri: REDIRECT_URI,
    scope: DESKTOP_SCOPES,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  });
  return { address, verifier, state, nonce };
}

export interface Person {
  email: string;
  password: string;
}

/** Answers the pages as the person would, up to the address that the browser is sent back to. */
export async function approve(
  browser: Browser,
  address: URL,
  person: Person,
  decision: 'allow' | 'deny' = 'allow',
): Promise<URL> {
  return new URL((await answerPages(browser, address.href, person, decision)).url);
}

/** Signs in where that is asked for, decides, and goes on to where that leads. */
export async function answerPages(
  browser: Browser,
  address: string,
  person: Person,
  decision: 'allow' | 'deny' = 'allow',
): Promise<{ response: Response; url: string }> {
  let { response, url } = await browser.follow(address);
  if ((await response.clone().text()).includes('name="password"')) {
    const signedIn = await browser.postJson(`${new URL(url).pathname}/login`, { ...person });
    if (signedIn.status !== 200) throw new Error(`sign-in: ${signedIn.status} ${await signedIn.text()}`);
    ({ response, url } = await browser.follow(((await signedIn.json()) as { redirectTo: string }).redirectTo));
  }
  const consented = await browser.postJson(`${new URL(url).pathname}/consent`, { decision });
  if (consented.status !== 200) throw new Error(`consent: ${consented.status} ${await consented.text()}`);
  const { redirectTo } = (await consented.json()) as { redirectTo: string };
  return browser.follow(redirectTo);
}

/** The whole sign-in of a desktop app; the browser may have signed in before. */
export async function signIn(
  configuration: client.Configuration,
  browser: Browser,
  person: Person,
  parameters: Record<string, string> = {},
): Promise<Tokens> {
  const request = await authorizationRequest(configuration, parameters);
  const callback = await approve(browser, request.address, person);
  return client.authorizationCodeGrant(configuration, callback, {
    pkceCodeVerifier: request.verifier,
    expectedState: request.state,
    expectedNonce: request.nonce,
  });
}
