import {
  decodeJwt,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
} from 'jose';
import * as client from 'openid-client';
import { ACCESS_TOKEN_ALGORITHM, KeyService } from '../../src/auth/oauth/key.service.js';
import { UserAdminService } from '../../src/auth/identity/user-admin.service.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { Browser } from './browser.js';
import { discover, signIn } from './desktop-client.js';
import { reinstate, suspend } from './operations.js';

const EMAIL = 'tess@example.com';

describe('an access token', () => {
  let server: TestApp;
  let good: string;
  let claims: Record<string, unknown>;
  beforeAll(async () => {
    server = await startTestApp();
    good = await issueToken(server.app, { email: EMAIL, scopes: ['user.info'] });
    claims = decodeJwt(good);
  });
  afterAll(() => server.close());

  const me = (authorization?: string) =>
    fetch(`${server.url}/v1/me`, authorization === undefined ? {} : { headers: { authorization } });

  interface Forgery {
    claims?: Record<string, unknown>;
    header?: Partial<JWTHeaderParameters> & Record<string, unknown>;
    key?: CryptoKey | Uint8Array;
  }
  const forge = async ({ claims: changed = {}, header = {}, key }: Forgery): Promise<string> => {
    const signing = await server.app.get(KeyService).signingKey();
    return new SignJWT({ ...claims, ...changed })
      .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: 'at+jwt', kid: signing.kid, ...header })
      .sign(key ?? signing.key);
  };
  const pemOf = async (jwk: JWK | undefined) =>
    Buffer.from(await exportSPKI((await importJWK(jwk ?? {}, 'ES256', { extractable: true })) as CryptoKey));
  const refusal = async (authorization: string) => {
    const response = await me(authorization);
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      body: (await response.json()) as { code: string },
    };
  };

  it('is taken when nothing is changed', async () => {
    expect((await me(`Bearer ${good}`)).status).toBe(200);
    expect((await me(`Bearer ${await forge({})}`)).status).toBe(200);
  });

  it('is asked for with a challenge that tells where to sign in', async () => {
    const response = await me();
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${server.url}/.well-known/oauth-protected-resource"`,
    );
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'invalid_token', status: 401 });
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Basic dGVzdDp0ZXN0',
    'Bearer äöü',
    `Bearer ${'a'.repeat(8_000)}`,
    'DPoP abc',
  ])('is refused when the header is malformed: %.20s', async (authorization) => {
    const { status, challenge } = await refusal(Buffer.from(authorization).toString('latin1'));
    expect(status).toBe(401);
    expect(challenge).toContain('error="invalid_token"');
  });

  it('T17 is refused in the query, and the header is what counts', async () => {
    expect((await fetch(`${server.url}/v1/me?access_token=${good}`)).status).toBe(401);
  });

  const now = Math.floor(Date.now() / 1000);
  it.each<[string, Record<string, unknown>]>([
    ['it has expired', { exp: now - 60 }],
    ['it is not valid yet', { nbf: now + 600 }],
    ['it has no expiry', { exp: undefined }],
    ['it has no id', { jti: undefined }],
    ['it has no subject', { sub: undefined }],
    ['it has no client', { client_id: undefined }],
    ['it has no grant', { grant_id: undefined }],
    ['it has no scope', { scope: undefined }],
    ['its audience is another', { aud: 'https://other.example' }],
    ['its issuer is another', { iss: 'https://other.example' }],
    ['its user does not exist', { sub: '01900000-0000-7000-8000-000000000000' }],
    ['it is bound to a key', { cnf: { jkt: 'thumbprint' } }],
  ])('T14 is refused when %s', async (_name, changed) => {
    const { status, challenge, body } = await refusal(`Bearer ${await forge({ claims: changed })}`);
    expect(status).toBe(401);
    expect(body.code).toBe('invalid_token');
    expect(challenge).toContain('error="invalid_token"');
    expect(challenge).toContain('resource_metadata=');
  });

  it('T12 is refused unsigned, or signed with anything but our key', async () => {
    const [, payload = ''] = good.split('.');
    const encode = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url');
    const { kid } = await server.app.get(KeyService).signingKey();
    const jwks = (await (await fetch(`${server.url}/oauth2/jwks`)).json()) as { keys: JWK[] };
    const publicKey = jwks.keys.find((key) => key.alg === 'ES256');
    const other = await generateKeyPair('ES256', { extractable: true });
    const rsa = await generateKeyPair('RS256');
    const forgeries = [
      `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.`,
      `${encode({ alg: 'NONE', typ: 'at+jwt' })}.${payload}.`,
      await forge({ header: { alg: 'HS256' }, key: Buffer.from(JSON.stringify(publicKey)) }),
      await forge({ header: { alg: 'HS256', kid: undefined as unknown as string }, key: Buffer.alloc(32) }),
      await forge({ key: other.privateKey }),
      await forge({ header: { jwk: await exportJWK(other.publicKey) }, key: other.privateKey }),
      await forge({ header: { kid: 'unknown', jku: 'https://evil.example/jwks' }, key: other.privateKey }),
      await forge({ header: { alg: 'HS256' }, key: await pemOf(publicKey) }),
      `${encode({ alg: 'es256', typ: 'at+jwt', kid })}.${payload}.${good.split('.')[2]}`,
      `${encode({ alg: 'ES256', typ: 'at+jwt', kid, crit: ['exp'], exp: 1 })}.${payload}.${good.split('.')[2]}`,
      `${encode({ alg: 'ES256', typ: 'at+jwt', kid, b64: false, crit: ['b64'] })}.${payload}.${good.split('.')[2]}`,
      await forge({ header: { alg: 'RS256' }, key: rsa.privateKey }),
      await forge({
        header: { x5u: 'https://evil.example/cert', kid: undefined as unknown as string },
        key: other.privateKey,
      }),
      `${good.slice(0, -4)}AAAA`,
      `${good}.extra`,
    ];
    for (const token of forgeries) expect((await refusal(`Bearer ${token}`)).status).toBe(401);
  });

  it('T13 is no other kind of token', async () => {
    for (const typ of ['JWT', 'id+jwt', 'dpop+jwt']) {
      expect((await refusal(`Bearer ${await forge({ header: { typ } })}`)).status).toBe(401);
    }
    const person = { email: 'ida@example.com', password: 'eleven red lanterns' };
    await ensureUser(server.app, person);
    const tokens: client.TokenEndpointResponse = await signIn(
      await discover(server.url),
      new Browser(server.url),
      person,
    );
    expect((await me(`Bearer ${tokens.access_token}`)).status).toBe(200);
    expect((await refusal(`Bearer ${tokens.id_token}`)).status).toBe(401);
    expect((await refusal(`Bearer ${tokens.refresh_token}`)).status).toBe(401);
  });

  it('expires while it is remembered', async () => {
    const token = await issueToken(server.app, { email: EMAIL, scopes: ['user.info'], lifetimeSeconds: 30 });
    expect((await me(`Bearer ${token}`)).status).toBe(200);
    server.wallClock.advance(40_000);
    try {
      expect((await refusal(`Bearer ${token}`)).status).toBe(401);
    } finally {
      server.wallClock.advance(-40_000);
    }
  });

  it('needs the scope of the route', async () => {
    const token = await issueToken(server.app, { email: EMAIL, scopes: ['models.read', 'credits.read'] });
    const { status, challenge, body } = await refusal(`Bearer ${token}`);
    expect(status).toBe(403);
    expect(challenge).toContain('error="insufficient_scope", scope="user.info"');
    expect(body).toMatchObject({ code: 'insufficient_scope', scopes: ['user.info'] });
  });

  it('leaves an unknown route unknown', async () => {
    for (const path of ['/nowhere', '/v1/nowhere', '/admin/nowhere', '/interaction']) {
      expect((await fetch(`${server.url}${path}`)).status).toBe(404);
    }
  });

  it('opens operators’ routes to operators only, whatever it says of roles itself', async () => {
    const users = (token: string) =>
      fetch(`${server.url}/admin/users`, { headers: { authorization: `Bearer ${token}` } });
    const user = await issueToken(server.app, { email: EMAIL, scopes: ['admin'] });
    const refused = await users(user);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'insufficient_role' });
    expect((await users(await forge({ claims: { scope: 'admin', role: 'admin', roles: ['admin'] } }))).status).toBe(
      403,
    );
    const unscoped = await issueToken(server.app, { email: 'op@example.com', scopes: ['user.info'], role: 'admin' });
    expect((await users(unscoped)).status).toBe(403);
    for (const role of ['admin', 'support'] as const) {
      const operator = await issueToken(server.app, { email: `${role}@ops.example`, scopes: ['admin'], role });
      expect((await users(operator)).status).toBe(200);
    }
  });

  it('follows a new role and a suspension at once', async () => {
    const email = 'rita@example.com';
    const token = await issueToken(server.app, { email, scopes: ['admin', 'user.info'] });
    const status = async (path: string) =>
      (await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect(await status('/admin/users')).toBe(403);
    await server.app.get(UserAdminService).createOperator(email);
    expect(await status('/admin/users')).toBe(200);
    const userId = await ensureUser(server.app, { email });
    await suspend(server.app, userId);
    expect(await status('/v1/me')).toBe(403);
    await reinstate(server.app, userId);
    expect(await status('/v1/me')).toBe(401);
  });
});

describe('where operators need a second factor', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp({ env: { ADMIN_MFA: 'required' } });
  });
  afterAll(() => server.close());

  it('a password alone does not open their routes, access to the database does', async () => {
    const token = await issueToken(server.app, { email: 'boss@example.com', scopes: ['admin'], role: 'admin' });
    const { kid, key } = await server.app.get(KeyService).signingKey();
    const weak = await new SignJWT({ ...decodeJwt(token), amr: ['pwd'], acr: 'aal1' })
      .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: 'at+jwt', kid })
      .sign(key);
    const users = (value: string) =>
      fetch(`${server.url}/admin/users`, { headers: { authorization: `Bearer ${value}` } });
    expect((await users(token)).status).toBe(200);
    const refused = await users(weak);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain(
      'error="insufficient_user_authentication", acr_values="aal2"',
    );
  });
});
