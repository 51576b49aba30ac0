import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { LoginThrottle } from '../../src/auth/identity/login-throttle.service.js';
import { seedOAuthClients } from '../../seeders/clients.seeder.js';
import { authorizationRequest, discover } from '../auth/desktop-client.js';
import { launchChromium } from '../support/chromium.js';
import { deliverMails, linkIn, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import * as actions from './account-actions.js';
import { PASSWORD, type VirtualAuthenticator } from './account-actions.js';

describe('the pages of the account, in a real browser', () => {
  let server: TestApp;
  let mailbox: Mailbox;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    server = await startTestApp({ env: { SMTP_URL: mailbox.url } });
    await seedOAuthClients(server.orm.em.fork(), server.url);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await mailbox?.close();
  });
  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
  });
  afterEach(() => context.close());

  const addAuthenticator = () => actions.addAuthenticator(context, page);
  const addPasskey = () => actions.addPasskey(page);
  async function openAccount(email: string): Promise<void> {
    await ensureUser(server.app, { email, password: PASSWORD });
    await actions.openAccount(page, server.url, email);
  }

  it('T33 add a passkey that signs in without a password, also while that is blocked', async () => {
    await addAuthenticator();
    await openAccount('pass@example.com');
    await addPasskey();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    // Guesses of others block the password of the account, and nothing else.
    await context.clearCookies();
    const throttle = server.app.get(LoginThrottle);
    for (const ip of ['127.0.0.1', '::1']) {
      for (let count = 0; count < 5; count += 1) await throttle.admit({ email: 'pass@example.com', ip });
    }
    const request = await authorizationRequest(await discover(server.url));
    await page.goto(request.address.href);
    await actions.fillSignIn(page, 'pass@example.com');
    await page.getByRole('alert').getByText('Too many attempts').waitFor();
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByRole('button', { name: 'Continue as pass@example.com' }).waitFor();
    const [event] = await server.orm.em
      .fork()
      .execute<{ details: object }[]>(
        `select details from auth_events where event = 'sign_in' order by created_at desc limit 1`,
      );
    expect(event?.details).toEqual({ amr: ['user', 'hwk', 'mfa'] });
  });

  it('take a passkey as the second factor, after the password', async () => {
    await addAuthenticator();
    await openAccount('second@example.com');
    await addPasskey();
    await context.clearCookies();
    await page.goto(`${server.url}/account`);
    await actions.fillSignIn(page, 'second@example.com');
    await page.getByRole('heading', { name: 'One more step' }).waitFor();
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    expect(await page.getByText('second@example.com').count()).toBe(1);
  });

  describe('T35 refuse a passkey', () => {
    /** Signs what the server asks, as a page could: the answer as it would be sent. */
    const ask = (path: string, change = '') => `(async () => {
      const asked = await (await fetch('${path}/options', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).json();
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
      ${change}
      return (await navigator.credentials.get({ publicKey })).toJSON();
    })()`;
    const send = (path: string, response: unknown) => `(async () => (await fetch('${path}', {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ response: ${JSON.stringify(response)} }) })).status)()`;

    let authenticator: VirtualAuthenticator;
    async function beginSignIn(email: string): Promise<string> {
      authenticator = await addAuthenticator();
      await openAccount(email);
      await addPasskey();
      await context.clearCookies();
      await page.goto((await authorizationRequest(await discover(server.url))).address.href);
      return `${new URL(page.url()).pathname}/passkey`;
    }

    it('whose answer was sent before', async () => {
      const path = await beginSignIn('replay@example.com');
      const answer = await page.evaluate<unknown>(ask(path));
      const other = await browser.newContext();
      const thief = await other.newPage();
      await thief.goto((await authorizationRequest(await discover(server.url))).address.href);
      const theirs = `${new URL(thief.url()).pathname}/passkey`;
      expect(await page.evaluate<number>(send(path, answer))).toBe(200);
      expect(await thief.evaluate<number>(send(theirs, answer))).toBe(401);
      await other.close();
    });

    it('whose owner was not checked', async () => {
      const path = await beginSignIn('unverified@example.com');
      await authenticator.session.send('WebAuthn.setUserVerified', {
        authenticatorId: authenticator.authenticatorId,
        isUserVerified: false,
      });
      const answer = await page.evaluate<unknown>(ask(path, `publicKey.userVerification = 'discouraged';`));
      expect(await page.evaluate<number>(send(path, answer))).toBe(401);
    });

    it('that another site asked for', async () => {
      const path = await beginSignIn('phished@example.com');
      const asked = await page.evaluate<object>(
        `fetch('${path}/options', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }).then((answer) => answer.json())`,
      );
      const evil: Server = createServer((_request, response) =>
        response.setHeader('content-type', 'text/html').end('<p>evil'),
      );
      await new Promise<void>((resolve) => evil.listen(0, 'localhost', resolve));
      const uid = page.url();
      await page.goto(`http://localhost:${(evil.address() as AddressInfo).port}/`);
      const answer = await page.evaluate<unknown>(
        `navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(${JSON.stringify(asked)}) }).then((key) => key.toJSON())`,
      );
      await page.goto(uid);
      expect(await page.evaluate<number>(send(path, answer))).toBe(401);
      evil.close();
    });

    it('that counts backwards, as a copy does', async () => {
      const path = await beginSignIn('copied@example.com');
      await server.orm.em.fork().execute(`update passkeys set sign_count = 1000`);
      const answer = await page.evaluate<unknown>(ask(path));
      expect(await page.evaluate<number>(send(path, answer))).toBe(401);
    });

    it('of somebody else, after a password', async () => {
      const path = await beginSignIn('mine@example.com');
      const others = await page.evaluate<unknown>(ask(path));
      await ensureUser(server.app, { email: 'victim@example.com', password: PASSWORD });
      await server.orm.em.fork().execute(
        `insert into passkeys (id, user_id, credential_id, public_key, name)
         select gen_random_uuid(), id, '\\x00', '\\x00', 'Phone' from users where email = 'victim@example.com'`,
      );
      await actions.fillSignIn(page, 'victim@example.com');
      await page.getByRole('heading', { name: 'One more step' }).waitFor();
      expect(await page.evaluate<number>(send(path, others))).toBe(401);
    });
  });

  it('change the password and sign out everywhere else', async () => {
    await openAccount('change@example.com');
    await page.getByRole('link', { name: 'Change: Password' }).click();
    await page.getByLabel('Current password').fill('not it at all');
    await page.getByLabel('New password').fill('a fresh one to remember');
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByRole('alert').getByText('not right').waitFor();
    await page.getByLabel('Current password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByRole('heading', { name: 'Your account' }).waitFor();
    await deliverMails(server.app);
    expect(mailbox.lastTo('change@example.com').subject).toBe('Your password was changed');
  });

  it('change the address by a link to the new one, and tell the old one', async () => {
    await openAccount('old@example.com');
    await page.getByRole('link', { name: 'Change: E-mail address' }).click();
    await page.getByLabel('E-mail address').fill('new@example.com');
    await page.getByRole('button', { name: 'Send the link' }).click();
    await page.getByRole('heading', { name: 'Look at your mail' }).waitFor();
    await deliverMails(server.app);
    expect(mailbox.lastTo('old@example.com').subject).toBe('Your address is being changed');
    await page.goto(server.url + linkIn(mailbox.lastTo('new@example.com'), server.url));
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('heading', { name: 'Your address is changed' }).waitFor();
    await page.goto(`${server.url}/account`);
    await page.getByText('new@example.com').waitFor();
  });

  it('ask again who it is before anything sensitive, once the sign-in is some minutes old', async () => {
    await openAccount('stale@example.com');
    server.wallClock.advance(11 * 60_000);
    await page.getByRole('link', { name: 'Change: Password' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    // The provider stamps sign-ins with the machine's own time.
    server.wallClock.advance(-11 * 60_000);
    await actions.fillSignIn(page, 'stale@example.com');
    await page.getByRole('heading', { name: 'Change the password' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/account/password');
  });

  it('list the devices and sign one out, and end themselves with their own sign-in', async () => {
    await openAccount('devices@example.com');
    const other = await browser.newContext();
    const elsewhere = await other.newPage();
    await actions.openAccount(elsewhere, server.url, 'devices@example.com');
    await page.getByRole('link', { name: 'Show: Signed-in devices' }).click();
    await page.getByText('this one').waitFor();
    await page.getByRole('button', { name: /^Sign out: / }).click();
    await page.locator('.devices li').nth(1).waitFor({ state: 'detached' });
    await elsewhere.goto(`${server.url}/account`);
    expect(await elsewhere.getByRole('heading', { name: 'Your account' }).count()).toBe(1);
    await other.close();
  });
});
