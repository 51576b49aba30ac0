import { decodeJwt } from 'jose';
import { seedOAuthClients } from '../../seeders/clients.seeder.js';
import { DevelopmentUsers } from '../../src/auth/identity/development-users.js';
import { SignInService } from '../../src/auth/identity/sign-in.service.js';
import { UserAdminService } from '../../src/auth/identity/user-admin.service.js';
import { CliTokenService } from '../../src/auth/oauth/cli-token.service.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

interface Page {
  data: { email: string; role: string }[];
  nextCursor: string | null;
}

describe('operators', () => {
  let server: TestApp;
  let token: string;
  beforeAll(async () => {
    server = await startTestApp();
    token = await issueToken(server.app, { email: 'root@example.com', scopes: ['admin'], role: 'admin' });
    for (let index = 0; index < 7; index += 1) await ensureUser(server.app, { email: `person_${index}@Example.com` });
  });
  afterAll(() => server.close());

  const users = async (query: string) => {
    const response = await fetch(`${server.url}/admin/users${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as Page };
  };

  it('page through users, newest first, each one once', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body }: { body: Page } = await users(`?limit=3${cursor && `&cursor=${cursor}`}`);
      expect(body.data.length).toBeLessThanOrEqual(3);
      seen.push(...body.data.map(({ email }) => email));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual([...[6, 5, 4, 3, 2, 1, 0].map((index) => `person_${index}@Example.com`), 'root@example.com']);
  });

  it('search by a part of the address, upper and lower case alike, and wildcards are letters', async () => {
    expect((await users('?email=PERSON_3')).body.data.map(({ email }) => email)).toEqual(['person_3@Example.com']);
    for (const text of ['%25', 'person%25', '__________', `'%20or%201=1`])
      expect((await users(`?email=${text}`)).body.data).toEqual([]);
  });

  it.each([
    '?limit=0',
    '?limit=201',
    '?limit=x',
    '?cursor=abc',
    '?cursor=',
    '?sort=email',
    '?email[$like]=x',
    '?email=a&email=b',
  ])('are told what is wrong with %s', async (query) => {
    const { status, body } = await users(query);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request' });
  });

  it('see nothing secret of a user', async () => {
    const { body } = await users('?limit=1');
    expect(Object.keys(body.data[0] ?? {}).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'createdAt',
      'deletedAt',
      'displayName',
      'email',
      'emailVerified',
      'erasedAt',
      'id',
      'lastLoginAt',
      'role',
      'status',
    ]);
  });

  it('are made with a password that is told once, or promoted', async () => {
    const admin = server.app.get(UserAdminService);
    const made = await admin.createOperator('fresh@example.com');
    expect(made.password).toHaveLength(24);
    const origin = { ip: null, userAgent: null, requestId: null };
    const credentials = { email: 'Fresh@example.com', password: made.password ?? '' };
    expect(await server.app.get(SignInService).signIn(credentials, origin)).toMatchObject({ role: 'admin' });
    expect(await admin.createOperator('fresh@example.com')).toEqual({ userId: made.userId, password: null });
    const userId = await ensureUser(server.app, { email: 'promoted@example.com' });
    expect(await admin.createOperator('promoted@example.com')).toEqual({ userId, password: null });
    expect((await users('?email=promoted')).body.data).toMatchObject([{ role: 'admin' }]);
  });

  it('get the development users once', async () => {
    const development = server.app.get(DevelopmentUsers);
    const first = await development.ensure();
    expect(first.demo.password).not.toBe(first.admin.password);
    expect(await development.ensure()).toEqual({
      demo: { ...first.demo, password: null },
      admin: { ...first.admin, password: null },
    });
    expect((await users('?email=@example.com&limit=2')).body.data).toMatchObject([
      { email: 'admin@example.com', role: 'admin' },
      { email: 'demo@example.com', role: 'user' },
    ]);
  });
});

describe('a token from the command line', () => {
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp();
  });
  afterAll(() => server.close());

  it('is a sign-in of its own that can be seen and ended', async () => {
    const token = await issueToken(server.app, { email: 'cli@example.com', scopes: ['user.info', 'llm.inference'] });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      amr: ['cli'],
      acr: 'aal2',
      client_id: 'tollgate-cli',
      scope: 'user.info llm.inference',
    });
    const sql = 'select amr, device_name, scopes from auth_grants where id = ?';
    expect(await server.orm.em.fork().execute(sql, [claims['grant_id']])).toEqual([
      { amr: ['cli'], device_name: 'Command line', scopes: ['user.info', 'llm.inference'] },
    ]);
  });

  it('gives an unverified user what such a user may have', async () => {
    await ensureUser(server.app, { email: 'unsure@example.com', isVerified: false });
    const token = await issueToken(server.app, {
      email: 'unsure@example.com',
      scopes: ['user.info', 'llm.inference', 'admin'],
    });
    expect(decodeJwt(token)['scope']).toBe('user.info');
  });

  it('is not made for nobody, nor for longer than a day', async () => {
    const service = server.app.get(CliTokenService);
    await expect(service.issue({ email: 'ghost@example.com', scopes: [] })).rejects.toThrow(
      'no user ghost@example.com',
    );
    await expect(service.issue({ email: 'x', scopes: [], lifetimeSeconds: 86_401 })).rejects.toThrow(RangeError);
  });
});

describe('the seeded clients', () => {
  it('are brought up to date without touching what an operator switched off or changed', async () => {
    const server = await startTestApp();
    try {
      const em = server.orm.em.fork();
      await em.execute(
        `update oauth_clients set client_name = 'Old', is_active = false where client_id = 'tollgate-console'`,
      );
      await seedOAuthClients(em, server.url);
      await seedOAuthClients(em, server.url);
      const sql = 'select client_id, client_name, is_active, redirect_uris from oauth_clients order by client_id';
      expect(await em.execute(sql)).toEqual([
        expect.objectContaining({
          client_id: 'textassistant-desktop',
          client_name: 'Text Assistant Desktop',
          redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
        }),
        expect.objectContaining({ client_id: 'tollgate-account', redirect_uris: [`${server.url}/account/callback`] }),
        expect.objectContaining({ client_id: 'tollgate-cli', redirect_uris: [] }),
        expect.objectContaining({
          client_name: 'Tollgate Console',
          is_active: false,
          redirect_uris: [`${server.url}/console/callback`],
        }),
      ]);

      const token = await issueToken(server.app, { email: 'root@example.com', scopes: ['admin'], role: 'admin' });
      const address = `${server.url}/admin/oauth-clients/textassistant-desktop`;
      const authorization = `Bearer ${token}`;
      const etag = (await fetch(address, { headers: { authorization } })).headers.get('etag') ?? '';
      const renamed = await fetch(address, {
        method: 'PATCH',
        headers: { authorization, 'if-match': etag, 'content-type': 'application/json' },
        body: JSON.stringify({ clientName: 'Our own name', reason: 'ours' }),
      });
      expect(renamed.status).toBe(200);
      await seedOAuthClients(em, server.url);
      const name = `select client_name from oauth_clients where client_id = 'textassistant-desktop'`;
      expect(await em.execute(name)).toEqual([{ client_name: 'Our own name' }]);
    } finally {
      await server.close();
    }
  });
});
