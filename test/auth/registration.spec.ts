import type * as client from 'openid-client';
import * as openid from 'openid-client';
import { seedOAuthClients } from '../../seeders/clients.seeder.js';
import { deliverMails, linkIn, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { openAccount } from './account-browser.js';
import { Browser } from './browser.js';
import { authorizationRequest, discover, signIn } from './desktop-client.js';

describe('registration', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  let mailbox: Mailbox;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    server = await startTestApp({ env: { SMTP_URL: mailbox.url } });
    await seedOAuthClients(server.orm.em.fork(), server.url);
    configuration = await discover(server.url);
  });
  afterAll(async () => {
    await server.close();
    await mailbox.close();
  });

  const register = async (fields: Record<string, string>) => {
    const browser = new Browser(server.url);
    const { url } = await browser.follow((await authorizationRequest(configuration)).address.href);
    const path = new URL(url).pathname;
    return { browser, path, response: await browser.postJson(`${path}/register`, fields) };
  };
  const mailTo = async (email: string) => {
    await deliverMails(server.app);
    return mailbox.lastTo(email);
  };

  it('T55 makes an account that may do little until its address is confirmed, and all after the next refresh', async () => {
    const person = { email: 'New.Person@example.com', password: 'twelve letters and more' };
    const { browser, path, response } = await register({ ...person, displayName: 'Nia' });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ redirectTo: `${path}?registered=1` });
    expect(await (await browser.get(`${path}?registered=1`)).text()).toContain('your account is ready');

    const tokens = await signIn(configuration, browser, person);
    expect(tokens.scope).toBe('user.info');
    expect(tokens.claims()).toMatchObject({ email_verified: false, name: 'Nia' });
    const profile = await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(await profile.json()).toMatchObject({ emailVerified: false, displayName: 'Nia' });

    // Whose address somebody else registers would open the account to them.
    const mail = await mailTo(person.email);
    expect(mail.text).toContain('If you made none, there is nothing to do.');
    const link = linkIn(mail, server.url);
    expect(await (await browser.get(link)).text()).toContain('Only go on if you asked for this yourself.');
    const token = new URL(link, server.url).searchParams.get('token') ?? '';
    for (let opened = 0; opened < 5; opened += 1) {
      await fetch(server.url + link, { method: 'HEAD' });
      expect(await (await browser.get(link)).text()).toContain(person.email);
    }
    expect((await browser.postForm('/verify-email', { token }, { origin: 'https://evil.example' })).status).toBe(403);
    const confirmed = await Promise.all([1, 2, 3].map(() => browser.postForm('/verify-email', { token })));
    expect(confirmed.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, 400, 400]);
    expect((await browser.get(link)).status).toBe(400);

    const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect(refreshed.scope).toBe('llm.inference models.read user.info credits.read');
  });

  it('T30 answers a taken address as a free one, and tells only its owner', async () => {
    const email = 'taken@example.com';
    const free = await register({ email, password: 'first password of mine' });
    const taken = await register({ email: email.toUpperCase(), password: 'second password of mine' });
    expect(taken.response.status).toBe(free.response.status);
    const shape = async ({ response, path }: typeof free) => JSON.stringify(await response.json()).replace(path, '');
    expect(await shape(taken)).toBe(await shape(free));
    const mail = await mailTo(email.toUpperCase());
    expect(mail.subject).toBe('You already have an account');
    expect(mail.text).not.toContain('token');
    await expect(
      signIn(configuration, new Browser(server.url), { email, password: 'second password of mine' }),
    ).rejects.toThrow('sign-in: 401');
    expect(
      (await signIn(configuration, new Browser(server.url), { email, password: 'first password of mine' })).scope,
    ).toBe('user.info');
  });

  it('makes one account of parallel attempts', async () => {
    const fields = { email: 'once@example.com', password: 'only once if you please' };
    await Promise.all([1, 2, 3, 4].map(() => register(fields)));
    const sql = 'select count(*)::int as count from users where email = ?';
    expect(await server.orm.em.fork().execute(sql, [fields.email])).toEqual([{ count: 1 }]);
  });

  it('sends links of a day that stop working then', async () => {
    const email = 'late@example.com';
    const { browser } = await register({ email, password: 'late but not forgotten' });
    const link = linkIn(await mailTo(email), server.url);
    expect((await browser.get(link)).status).toBe(200);
    server.wallClock.advance(25 * 60 * 60 * 1000);
    expect((await browser.get(link)).status).toBe(400);
    server.wallClock.advance(-25 * 60 * 60 * 1000);
  });

  it('sends another link to who is signed in and has none that works', async () => {
    const person = { email: 'again@example.com', password: 'late but not forgotten' };
    await register(person);
    const first = linkIn(await mailTo(person.email), server.url);
    server.wallClock.advance(25 * 60 * 60 * 1000);
    const browser = new Browser(server.url);
    expect((await browser.get(first)).status).toBe(400);
    const { page } = await openAccount(browser, person);
    expect(page).toContain('Not confirmed yet');
    const again = await browser.postForm('/account/verify-email', {});
    expect([again.status, again.headers.get('location')]).toEqual([303, '/account?sent=1']);
    expect(await (await browser.get('/account?sent=1')).text()).toContain('A link is on its way to your address.');
    const token = new URL(linkIn(await mailTo(person.email), server.url), server.url).searchParams.get('token') ?? '';
    expect((await browser.postForm('/verify-email', { token })).status).toBe(303);
    expect(await (await browser.get('/account')).text()).not.toContain('Not confirmed yet');
    // None is sent any more, and a page that is loaded again does not say so.
    expect((await browser.postForm('/account/verify-email', {})).status).toBe(303);
    expect(await (await browser.get('/account?sent=1')).text()).not.toContain('A link is on its way');
    expect((await new Browser(server.url).postForm('/account/verify-email', {})).headers.get('location')).toContain(
      '/oauth2/authorize?',
    );
    server.wallClock.advance(-25 * 60 * 60 * 1000);
  });

  it('sends no links without end', async () => {
    const person = { email: 'endless@example.com', password: 'late but not forgotten' };
    await register(person);
    const browser = new Browser(server.url);
    await openAccount(browser, person);
    for (let count = 0; count < 5; count += 1) {
      expect((await browser.postForm('/account/verify-email', {})).status).toBe(303);
    }
    const refused = await browser.postForm('/account/verify-email', {});
    expect([refused.status, (await refused.text()).includes('Too many attempts')]).toEqual([429, true]);
  });

  it.each([
    ['a short password', { email: 'a@example.com', password: 'short' }],
    ['the address as password', { email: 'long.address@example.com', password: 'Long.Address@example.com' }],
    ['no address', { password: 'long enough for anything' }],
    [
      'an address with a line break',
      { email: 'a@example.com\r\nBcc: b@example.com', password: 'long enough for anything' },
    ],
    [
      'a name with a line break',
      { email: 'b@example.com', password: 'long enough for anything', displayName: 'A\r\nB' },
    ],
    ['an endless password', { email: 'c@example.com', password: 'no end in sight, '.repeat(40) }],
  ])('refuses %s', async (_name, fields) => {
    const { response } = await register(fields as Record<string, string>);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', errors: [expect.any(Object)] });
  });
});
