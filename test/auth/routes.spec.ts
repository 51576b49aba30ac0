import { decodeJwt, SignJWT } from 'jose';
import { RouteTable, type Route } from '../../src/auth/access/route-table.js';
import { ACCESS_TOKEN_ALGORITHM, KeyService } from '../../src/auth/oauth/key.service.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { issueToken } from '../support/tokens.js';

/** Every route that needs no token, with the reason. A new one is added here on purpose or not at all. */
const PUBLIC_ROUTES = new Set([
  // monitoring of the process
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
  // what a client reads before it has a token
  'GET /.well-known/oauth-protected-resource',
  // the pages of the sign-in, guarded by the cookie of the interaction
  'GET /interaction/assets/pages.css',
  'GET /interaction/assets/pages.js',
  'GET /interaction/:uid',
  'GET /interaction/:uid/register',
  'GET /interaction/:uid/switch',
  'POST /interaction/:uid/login',
  'POST /interaction/:uid/register',
  'POST /interaction/:uid/consent',
  'POST /interaction/:uid/cancel',
  // links in mails, guarded by their token
  'GET /verify-email',
  'GET /verify-email/done',
  'POST /verify-email',
  'GET /change-email',
  'GET /change-email/sent',
  'GET /change-email/done',
  'POST /change-email',
  // the second step of a sign-in, guarded by the cookie of the interaction
  'GET /interaction/:uid/mfa',
  'POST /interaction/:uid/mfa',
  'POST /interaction/:uid/passkey/options',
  'POST /interaction/:uid/passkey',
  // a sign-in elsewhere, guarded by the same cookie and by what the browser was sent away with
  'GET /interaction/:uid/upstream/:name',
  'GET /interaction/:uid/upstream',
  'GET /upstream/:name/callback',
  // the pages of the account, guarded by a session of their own
  'GET /account',
  'GET /account/callback',
  'GET /account/devices',
  'POST /account/devices/:id/end',
  'POST /account/devices/end-others',
  'POST /account/sign-out',
  'GET /account/password',
  'POST /account/password',
  'GET /account/email',
  'POST /account/email',
  'POST /account/verify-email',
  'GET /account/authenticator',
  'POST /account/authenticator',
  'POST /account/authenticator/remove',
  'POST /account/passkeys/options',
  'POST /account/passkeys',
  'POST /account/passkeys/:id/remove',
  'POST /account/recovery-codes',
  'POST /account/identities/:name',
  'GET /account/identities',
  'POST /account/identities/:id/remove',
  // a forgotten password, guarded by its throttle and by the token of its link
  'GET /forgot-password',
  'POST /forgot-password',
  'GET /forgot-password/done',
  'GET /reset-password',
  'POST /reset-password',
  'GET /reset-password/done',
  // what a desktop app asks and sends before anybody signed in, limited by network
  'GET /v1/app/versions',
  'GET /v1/app/versions/latest',
  'GET /v1/app/updates/electron/:channel/:platform/:file',
  'GET /v1/app/updates/tauri/:channel/:platform/:version',
  'GET /v1/app/updates/sparkle/:channel/:platform/appcast.xml',
  'POST /v1/app/downloads',
  'POST /v1/app/feedback',
  'POST /v1/app/diagnostics',
]);

describe('every route', () => {
  let server: TestApp;
  let routes: readonly Route[];
  beforeAll(async () => {
    server = await startTestApp({ env: { ADMIN_MFA: 'required' } });
    routes = server.app.get(RouteTable).list();
  });
  afterAll(() => server.close());

  const nameOf = ({ method, path }: Route) => `${method} ${path}`;
  const guarded = () => routes.filter((route) => !route.isPublic);
  const call = (route: Route, headers: Record<string, string> = {}, body = '{}') => {
    const path = route.path.replaceAll(/:\w+/g, 'x').replace('*', 'x');
    const hasBody = route.method !== 'GET' && route.method !== 'DELETE';
    return fetch(`${server.url}${path}`, {
      method: route.method,
      headers: { ...headers, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
      ...(hasBody ? { body } : {}),
    });
  };

  it('is known to the table that the token check asks', () => {
    expect(routes.map(nameOf)).toEqual(expect.arrayContaining(['GET /v1/me', 'GET /admin/users', 'GET /health/live']));
    expect(new Set(routes.map(nameOf)).size).toBe(routes.length);
  });

  it('T20 is public on purpose or names the scopes it needs', () => {
    expect(routes.filter((route) => route.isPublic && !PUBLIC_ROUTES.has(nameOf(route))).map(nameOf)).toEqual([]);
    expect(
      guarded()
        .filter((route) => route.scopes.length === 0)
        .map(nameOf),
    ).toEqual([]);
  });

  it('for operators needs a role and the scope admin', () => {
    const admin = routes.filter((route) => route.path.startsWith('/admin'));
    expect(admin.length).toBeGreaterThan(0);
    for (const route of admin) {
      expect({ route: nameOf(route), scopes: route.scopes }).toEqual({ route: nameOf(route), scopes: ['admin'] });
      expect({ route: nameOf(route), hasRoles: route.roles.length > 0 }).toEqual({
        route: nameOf(route),
        hasRoles: true,
      });
      expect(route.roles).not.toContain('user');
    }
  });

  it('T19, T20 answers 401 without a token, before it looks at the body', async () => {
    const open: string[] = [];
    for (const route of guarded()) {
      const response = await call(route, {}, '{"broken');
      const challenge = response.headers.get('www-authenticate') ?? '';
      if (response.status !== 401 || !challenge.includes('resource_metadata='))
        open.push(`${nameOf(route)}: ${response.status}`);
    }
    expect(open).toEqual([]);
  });

  it('answers 403 to a token that has every scope but its own', async () => {
    const open: string[] = [];
    for (const route of guarded()) {
      const all = ['llm.inference', 'models.read', 'user.info', 'credits.read', 'usage.read', 'admin'] as const;
      const scopes = all.filter((scope) => !route.scopes.includes(scope));
      const token = await issueToken(server.app, { email: 'walker@example.com', scopes, role: 'admin' });
      const response = await call(route, { authorization: `Bearer ${token}` });
      if (response.status !== 403) open.push(`${nameOf(route)}: ${response.status}`);
    }
    expect(open).toEqual([]);
  });

  it('T19 for operators answers 403 to a user who has the scope', async () => {
    const token = await issueToken(server.app, { email: 'user@example.com', scopes: ['admin'] });
    for (const route of guarded().filter(({ path }) => path.startsWith('/admin'))) {
      const response = await call(route, { authorization: `Bearer ${token}` });
      expect({ route: nameOf(route), status: response.status }).toEqual({ route: nameOf(route), status: 403 });
    }
  });

  // Removed once: the check of `amr` in AccessGuard.
  it('T19 for operators answers 401 to one who signed in with a password alone, whatever the token says of roles', async () => {
    const token = await issueToken(server.app, { email: 'boss@example.com', scopes: ['admin'], role: 'admin' });
    const { kid, key } = await server.app.get(KeyService).signingKey();
    const weak = await new SignJWT({ ...decodeJwt(token), amr: ['pwd'], acr: 'aal1', role: 'admin', roles: ['admin'] })
      .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: 'at+jwt', kid })
      .sign(key);
    const open: string[] = [];
    for (const route of guarded().filter(({ path }) => path.startsWith('/admin'))) {
      const response = await call(route, { authorization: `Bearer ${weak}` });
      const challenge = response.headers.get('www-authenticate') ?? '';
      if (response.status !== 401 || !challenge.includes('insufficient_user_authentication')) open.push(nameOf(route));
    }
    expect(open).toEqual([]);
  });
});
