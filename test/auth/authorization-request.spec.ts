import { request as httpRequest } from 'node:http';
import * as client from 'openid-client';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { Browser } from './browser.js';
import { approve, authorizationRequest, discover, REDIRECT_URI, signIn } from './desktop-client.js';

const PERSON = { email: 'ari@example.com', password: 'seven quiet rivers' };

/** A request whose Host header is ours to choose, which fetch does not allow. */
function getWithHeaders(url: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { headers }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on('error', reject).end();
  });
}

describe('an authorization request', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
  });
  afterAll(() => server.close());

  const authorize = async (changes: Record<string, string | null>) => {
    const { address } = await authorizationRequest(configuration);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    }
    return fetch(address, { redirect: 'manual', headers: { accept: 'text/html' } });
  };

  it.each(['http://127.0.0.1:1/callback', 'http://127.0.0.1:65535/callback', 'http://[::1]:49817/callback'])(
    'T4 may name the loopback address with any port: %s',
    async (redirectUri) => {
      const response = await authorize({ redirect_uri: redirectUri });
      expect(response.status).toBe(303);
      expect(response.headers.get('location')).toContain('/interaction/');
    },
  );

  it.each([
    'http://localhost:49817/callback',
    'http://127.0.0.1:49817/other',
    'http://127.0.0.1:49817/callback/',
    'http://127.0.0.1:49817/callback?next=evil',
    'http://127.0.0.1:49817/callback#fragment',
    'http://127.0.0.1:49817/Callback',
    'http://127.0.0.1:49817/%63allback',
    'http://127.0.0.1:80@evil.example/callback',
    'http://evil.example/callback',
    'https://127.0.0.1:49817/callback',
    'http://127.0.0.2:49817/callback',
    'myapp://callback',
    'javascript:alert(1)',
  ])('T4 is answered with a page, never a redirect, for the address %s', async (redirectUri) => {
    const response = await authorize({ redirect_uri: redirectUri });
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(await response.text()).toContain('This sign-in cannot go on');
  });

  it.each([
    ['without a PKCE challenge', { code_challenge: null, code_challenge_method: null }, 'invalid_request'],
    ['with the plain PKCE method', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['for an implicit token', { response_type: 'token' }, 'unsupported_response_type'],
    ['for an ID token without a code', { response_type: 'id_token' }, 'unsupported_response_type'],
    ['for another resource', { resource: 'https://other.example/' }, 'invalid_target'],
  ])('T3 is refused %s', async (_name, changes, error) => {
    const response = await authorize(changes);
    expect(response.status).toBe(303);
    const location = new URL(response.headers.get('location') ?? '');
    expect(location.href.startsWith(REDIRECT_URI)).toBe(true);
    expect(location.searchParams.get('error') ?? new URLSearchParams(location.hash.slice(1)).get('error')).toBe(error);
  });

  it('T40 from an unknown client is answered with a page', async () => {
    const response = await authorize({ client_id: '<script>alert(1)</script>' });
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain('<script>alert');
  });

  it('T11 never gets a scope that the client may not have', async () => {
    const scope = 'openid user.info usage.read admin offline_access made.up';
    const tokens = await signIn(configuration, new Browser(server.url), PERSON, { scope });
    expect(tokens.scope).toBe('user.info');
    await expect(
      client.refreshTokenGrant(configuration, tokens.refresh_token ?? '', { scope: 'openid admin llm.inference' }),
    ).rejects.toMatchObject({ error: 'invalid_scope' });
  });

  it('T3, T5 binds its code to the verifier and to the address', async () => {
    const request = await authorizationRequest(configuration);
    const callback = await approve(new Browser(server.url), request.address, PERSON);
    const exchange = async (fields: Record<string, string>) => {
      const body = new URLSearchParams({
        client_id: 'textassistant-desktop',
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        redirect_uri: REDIRECT_URI,
        code_verifier: request.verifier,
        ...fields,
      });
      const response = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body });
      return (await response.json()) as { error?: string; access_token?: string };
    };
    expect(await exchange({ code_verifier: 'x'.repeat(43) })).toMatchObject({ error: 'invalid_grant' });
    expect(await exchange({ code_verifier: '' })).toMatchObject({ error: 'invalid_grant' });
    expect(await exchange({ redirect_uri: 'http://127.0.0.1:1/callback' })).toMatchObject({ error: 'invalid_grant' });
    expect(await exchange({ client_id: 'tollgate-console' })).toMatchObject({ error: 'invalid_grant' });
    expect(await exchange({})).toHaveProperty('access_token');
  });

  it('T10 keeps a refresh token to the client it was made for', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON);
    const console = await discover(server.url, 'tollgate-console');
    await expect(client.refreshTokenGrant(console, tokens.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('does not believe any host but the configured one', async () => {
    const evil = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '203.0.113.9',
      forwarded: 'host=evil.example;proto=https',
    };
    for (const path of [
      '/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-protected-resource',
      '/oauth2/logout',
    ]) {
      const { status, body } = await getWithHeaders(`${server.url}${path}`, evil);
      expect(status).toBe(200);
      expect(body).not.toContain('evil.example');
      expect(body).toContain(server.url);
    }
    const { body } = await getWithHeaders(`${server.url}/.well-known/openid-configuration`, evil);
    expect(JSON.parse(body)).toMatchObject({ issuer: server.url, token_endpoint: `${server.url}/oauth2/token` });
  });

  it('is described by the metadata, and the keys may be cached', async () => {
    const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as object;
    expect(metadata).toMatchObject({
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
    });
    const jwks = await fetch(`${server.url}/oauth2/jwks`);
    expect(jwks.headers.get('cache-control')).toBe('public, max-age=300');
    const { keys } = (await jwks.json()) as { keys: Record<string, unknown>[] };
    expect(keys.map((key) => key['alg'])).toEqual(expect.arrayContaining(['ES256', 'RS256']));
    for (const key of keys) expect(key).not.toHaveProperty('d');
    expect(await (await fetch(`${server.url}/.well-known/oauth-protected-resource`)).json()).toMatchObject({
      resource: server.url,
      authorization_servers: [server.url],
      scopes_supported: expect.arrayContaining(['llm.inference', 'admin']),
    });
  });

  it('T54 gives a foreign page no access to tokens or answers', async () => {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'textassistant-desktop',
      refresh_token: 'x',
    });
    const requests: [string, RequestInit][] = [
      ['/oauth2/token', { method: 'POST', body }],
      ['/oauth2/token', { method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } }],
      ['/oauth2/userinfo', {}],
      ['/oauth2/revoke', { method: 'POST', body }],
      ['/v1/me', {}],
      ['/v1/models', { method: 'OPTIONS', headers: { 'access-control-request-method': 'GET' } }],
      ['/interaction/unknown', {}],
    ];
    for (const [path, request] of requests) {
      const headers = { ...(request.headers as Record<string, string>), origin: 'https://evil.example' };
      const response = await fetch(server.url + path, { ...request, headers });
      expect({ path, allowed: response.headers.get('access-control-allow-origin') }).toEqual({ path, allowed: null });
    }
  });
});
