import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { Browser } from './browser.js';
import { approve, authorizationRequest, discover, signIn } from './desktop-client.js';

const PERSON = { email: 'nina@example.com', password: 'orange pencil weather' };

/** What a native app may rely on, by the document that says so. Each is shown more fully in the spec of its threat. */
describe('the native profile', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
  });
  afterAll(() => server.close());

  const errorAt = async (parameters: Record<string, string>, browser = new Browser(server.url)) => {
    const { address } = await authorizationRequest(configuration, parameters);
    const { url, response } = await browser.follow(address.href);
    return { error: new URL(url).searchParams.get('error'), status: response.status, url };
  };

  it.each(['http://127.0.0.1:1024/callback', 'http://127.0.0.1:65535/callback', 'http://[::1]:50123/callback'])(
    'RFC 8252 7.3: the app listens on whatever port is free (%s)',
    async (redirect) => {
      const request = await authorizationRequest(configuration, { redirect_uri: redirect });
      const callback = await approve(new Browser(server.url), request.address, PERSON);
      expect(callback.href.startsWith(`${redirect}?`)).toBe(true);
      const tokens = await client.authorizationCodeGrant(configuration, callback, {
        pkceCodeVerifier: request.verifier,
        expectedState: request.state,
        expectedNonce: request.nonce,
      });
      expect(tokens.refresh_token).toBeTruthy();
    },
  );

  it.each(['http://localhost:50123/callback', 'https://127.0.0.1:50123/callback', 'textassistant://callback'])(
    'RFC 8252 8.3: nothing but the loopback address takes the answer (%s)',
    async (redirect) => {
      const { status, url } = await errorAt({ redirect_uri: redirect });
      expect([status, url.startsWith(server.url)]).toEqual([400, true]);
    },
  );

  it('RFC 8252 8.6: no app is approved silently, not even one that was before', async () => {
    const browser = new Browser(server.url);
    await signIn(configuration, browser, PERSON);
    expect((await errorAt({ prompt: 'none' }, browser)).error).toMatch(/^(consent|interaction)_required$/);
  });

  it('RFC 9207: the answer names its issuer, so that no other server’s is taken for it', async () => {
    const { address } = await authorizationRequest(configuration);
    const callback = await approve(new Browser(server.url), address, PERSON);
    expect(callback.searchParams.get('iss')).toBe(server.url);
    expect(configuration.serverMetadata().authorization_response_iss_parameter_supported).toBe(true);
  });

  it('RFC 7636: a code is worth nothing without its verifier, and plain is no method', async () => {
    expect(configuration.serverMetadata().code_challenge_methods_supported).toEqual(['S256']);
    const request = await authorizationRequest(configuration);
    const callback = await approve(new Browser(server.url), request.address, PERSON);
    const checks = { expectedState: request.state, expectedNonce: request.nonce };
    const stolen = { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() };
    const exchange = client.authorizationCodeGrant(configuration, callback, stolen);
    await expect(exchange).rejects.toMatchObject({ error: 'invalid_grant' });
    expect((await errorAt({ code_challenge_method: 'plain' })).error).toBe('invalid_request');
  });

  it('RFC 9068: the access token says what it is, from whom, for whom and for how long', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON);
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' });
    const claims = decodeJwt(tokens.access_token);
    expect(claims).toMatchObject({ iss: server.url, aud: server.url, client_id: 'textassistant-desktop' });
    for (const name of ['sub', 'exp', 'iat', 'jti', 'scope']) expect(claims[name]).toBeDefined();
    const asIdToken = await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${tokens.id_token}` } });
    expect(asIdToken.status).toBe(401);
  });

  // Removed once: the empty scope; the answer was that the token is not valid for this server, and no refresh helped.
  it('RFC 6750 3.1: an app that asked for nothing of the API is told what its token lacks', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON, { scope: 'openid email' });
    const refused = await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="user.info"');
  });

  it('RFC 9449: an app that binds its tokens to a key uses them with that key alone, and a retried refresh signs nobody out', async () => {
    const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair('ES256'));
    const request = await authorizationRequest(configuration);
    const callback = await approve(new Browser(server.url), request.address, PERSON);
    const checks = { pkceCodeVerifier: request.verifier, expectedState: request.state, expectedNonce: request.nonce };
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks, undefined, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const me = new URL(`${server.url}/v1/me`);
    const none = undefined;
    const mine = await client.fetchProtectedResource(configuration, tokens.access_token, me, 'GET', none, none, {
      DPoP,
    });
    expect(mine.status).toBe(200);
    expect((await fetch(me, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(401);
    for (let times = 0; times < 2; times += 1) {
      const again = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '', undefined, { DPoP });
      expect(again.access_token).toBeTruthy();
    }
  });

  it('OAuth 2.1 4.3.1: a refresh token works once, and its second use ends the sign-in', async () => {
    const first = await signIn(configuration, new Browser(server.url), PERSON);
    const second = await client.refreshTokenGrant(configuration, first.refresh_token ?? '');
    expect(second.refresh_token).not.toBe(first.refresh_token);
    for (const token of [first.refresh_token, second.refresh_token]) {
      const refused = client.refreshTokenGrant(configuration, token ?? '');
      await expect(refused).rejects.toMatchObject({ error: 'invalid_grant' });
    }
  });
});
