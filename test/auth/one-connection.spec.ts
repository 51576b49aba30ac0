import * as openid from 'openid-client';
import { newId } from '../../src/common/ids.js';
import { PasskeyChallenges } from '../../src/auth/identity/factors/passkey-challenges.js';
import { LinkedIdentityRepository } from '../../src/auth/identity/upstream/linked-identity.repository.js';
import { UpstreamAccounts } from '../../src/auth/identity/upstream/upstream-accounts.service.js';
import { UserRepository } from '../../src/auth/identity/user.repository.js';
import { seedOAuthClients } from '../../seeders/clients.seeder.js';
import { deliverMails, linkIn, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { appCode, openAccount, secretOn } from './account-browser.js';
import { Browser } from './browser.js';
import { discover, signIn } from './desktop-client.js';

const OLD = 'the password that was forgotten';
const NEW = 'another one to remember';
const email = 'one@example.com';

/**
 * A transaction that waits for a second connection while it has its own would, as many at a time as there are connections, wait for the others.
 * Seen failing: each of these read on a connection of its own within its transaction.
 */
describe('where one database connection is free', () => {
  let server: TestApp;
  let mailbox: Mailbox;
  let release: () => void;
  let holder: Promise<void>;

  beforeAll(async () => {
    mailbox = await Mailbox.open();
    server = await startTestApp({
      env: { SMTP_URL: mailbox.url, DATABASE_POOL_SIZE: '2', DATABASE_POOL_TIMEOUT: '1000' },
    });
    await seedOAuthClients(server.orm.em.fork(), server.url);
    await ensureUser(server.app, { email, password: OLD });
    const released = new Promise<void>((resolve) => (release = resolve));
    holder = server.orm.em.fork().transactional(async (em) => {
      await em.execute('select 1');
      await released;
    });
  });
  afterAll(async () => {
    release();
    await holder;
    await server.close();
    await mailbox.close();
  });

  it('a password is replaced through the mail', async () => {
    expect((await new Browser(server.url).postJson('/forgot-password', { email })).status).toBe(200);
    await deliverMails(server.app);
    const token = new URL(linkIn(mailbox.lastTo(email), server.url), server.url).searchParams.get('token') ?? '';
    expect((await new Browser(server.url).postJson('/reset-password', { token, password: NEW })).status).toBe(200);
  });

  it('a second factor is set up, and forgotten by an operator', async () => {
    const browser = new Browser(server.url);
    const { page } = await openAccount(browser, { email, password: NEW }, undefined, '/account/authenticator');
    const code = appCode(secretOn(page), new Date());
    expect((await browser.postJson('/account/authenticator', { code })).status).toBe(200);
    const authorization = `Bearer ${await issueToken(server.app, { email: 'root@example.com', scopes: ['admin'], role: 'admin' })}`;
    const list = await fetch(`${server.url}/admin/users?email=${email}`, { headers: { authorization } });
    const [user] = ((await list.json()) as { data: { id: string }[] }).data;
    const seen = await fetch(`${server.url}/admin/users/${user!.id}`, { headers: { authorization } });
    const forgotten = await fetch(`${server.url}/admin/users/${user!.id}/factors-reset`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'if-match': seen.headers.get('etag') ?? '' },
      body: JSON.stringify({ reason: 'the phone is lost' }),
    });
    expect(forgotten.status).toBe(200);
  });

  it('a way in is removed, and the challenge of a passkey taken', async () => {
    const { app, orm } = server;
    const user = (await app.get(UserRepository).findByEmail(email))!;
    const linkId = newId();
    await orm.em
      .fork()
      .execute(
        `insert into linked_identities (id, user_id, issuer, subject) values (?, ?, 'https://id.example.com', 'one')`,
        [linkId, user.id],
      );
    const origin = { ip: '127.0.0.1', userAgent: null, requestId: null };
    await app.get(UpstreamAccounts).unlink({ user, language: 'en', origin }, linkId);
    expect(await app.get(LinkedIdentityRepository).list(user.id)).toEqual([]);
    const challenges = app.get(PasskeyChallenges);
    const made = { purpose: 'create', userId: user.id } as const;
    await challenges.remember('challenge', made);
    const taken = await orm.em.fork().transactional(async () => ({ once: await challenges.take('challenge', made) }));
    expect(taken).toEqual({ once: true });
  });

  it('a refresh token that comes back ends its sign-in', async () => {
    const configuration = await discover(server.url);
    const { refresh_token: first = '' } = await signIn(configuration, new Browser(server.url), {
      email,
      password: NEW,
    });
    const { refresh_token: second = '' } = await openid.refreshTokenGrant(configuration, first);
    server.wallClock.advance(60_000);
    for (const token of [first, second])
      await expect(openid.refreshTokenGrant(configuration, token)).rejects.toMatchObject({ error: 'invalid_grant' });
  });
});
