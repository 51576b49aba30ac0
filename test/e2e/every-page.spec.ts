import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as client from 'openid-client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { seedOAuthClients } from '../../seeders/clients.seeder.js';
import { appCode, secretOn } from '../auth/account-browser.js';
import { authorizationRequest, discover } from '../auth/desktop-client.js';
import { launchChromium } from '../support/chromium.js';
import { deliverMails, linkIn, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { UpstreamProvider } from '../support/upstream-provider.js';
import { addAuthenticator, addPasskey, fillSignIn, openAccount, PASSWORD } from './account-actions.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A dozen pages, twice each, on a machine that has other things to do. */
const PAGES_MS_MAX = 240_000;

interface Violation {
  id: string;
  help: string;
  nodes: { html: string }[];
}

/** axe-core's rules, most of them of WCAG 2.2 A and AA; a picture of each page is kept where SCREENSHOTS names a folder. */
describe('every page can be used by everybody, light and wide, dark and narrow', () => {
  let mailbox: Mailbox;
  let upstream: UpstreamProvider;
  let server: TestApp;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let found: string[];
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    upstream = await UpstreamProvider.open();
    server = await startTestApp({ env: { SMTP_URL: mailbox.url, ...upstream.environment('acme', 'Acme') } });
    await upstream.register(`${server.url}/upstream/acme/callback`);
    await seedOAuthClients(server.orm.em.fork(), server.url);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await upstream?.close();
    await mailbox?.close();
  });
  const openContext = async (locale: string) => {
    context = await browser.newContext({ locale });
    page = await context.newPage();
  };
  beforeEach(async () => {
    found = [];
    await openContext('en-US');
  });
  afterEach(() => context.close());

  async function check(name: string): Promise<void> {
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 360],
    ] as const) {
      // A button on its way from one scheme to the other has the contrast of neither.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize({ width, height: 800 });
      await page.evaluate(AXE);
      const { violations } = await page.evaluate<{ violations: Violation[] }>('axe.run()');
      found.push(...violations.map(({ id, nodes }) => `${name} ${colorScheme} ${width}: ${id} ${nodes[0]?.html}`));
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
      if (overflow > 0) found.push(`${name} ${width}: scrolls sideways by ${overflow}`);
      const folder = process.env['SCREENSHOTS'];
      if (folder) await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
  }
  const visit = async (path: string, name: string) => {
    await page.goto(server.url + path);
    await check(name);
  };
  const askForSignIn = async () => page.goto((await authorizationRequest(await discover(server.url))).address.href);
  const heading = (name: string) => page.getByRole('heading', { name }).waitFor();

  it(
    'on the way of an app',
    async () => {
      const email = 'way@example.com';
      await ensureUser(server.app, { email, password: PASSWORD });
      await askForSignIn();
      await check('sign-in');
      await page.getByRole('link', { name: 'Create an account' }).click();
      await check('register');
      await page.getByLabel('E-mail address').fill('nobody@nowhere');
      await page.getByLabel('Password').fill('passwordpassword');
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByRole('alert').getByText('Please check').waitFor();
      await check('register-errors');
      upstream.signedIn = null;
      await page.getByRole('link', { name: 'Continue with Acme' }).click();
      await page.getByRole('alert').getByText('was cancelled').waitFor();
      await check('upstream-cancelled');
      upstream.signedIn = { sub: 'new', email: 'elsewhere@example.com', email_verified: true };
      await page.getByRole('link', { name: 'Continue with Acme' }).click();
      await page.getByRole('button', { name: 'Continue as elsewhere@example.com' }).waitFor();
      await check('consent');
      await visit('/oauth2/logout', 'sign-out');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await heading('You are signed out');
      await check('signed-out');
      await visit('/oauth2/authorize?client_id=nobody', 'failure');

      const configuration = await discover(server.url, 'tollgate-cli');
      const device = await client.initiateDeviceAuthorization(configuration, { scope: 'openid', device_name: 'box' });
      await visit('/oauth2/device', 'device');
      await page.getByLabel('Code').fill('BBBB-BBBB');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByText('There is no such code.').waitFor();
      await check('device-error');
      await page.getByLabel('Code').fill(device.user_code);
      await page.getByRole('button', { name: 'Continue' }).click();
      await heading('Is this your device?');
      await check('device-confirm');
      await page.getByRole('button', { name: 'Yes, continue' }).click();
      await fillSignIn(page, email);
      await page.getByRole('button', { name: `Continue as ${email}` }).click();
      await heading('Your device is connected');
      await check('device-connected');
      expect(found).toEqual([]);
    },
    PAGES_MS_MAX,
  );

  it(
    'that a link in a mail opens',
    async () => {
      const email = 'mail@example.com';
      await askForSignIn();
      await page.getByRole('link', { name: 'Create an account' }).click();
      await page.getByLabel('E-mail address').fill(email);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByRole('status').waitFor();
      await check('registered');
      await openAccount(page, server.url, email);
      await page.getByRole('button', { name: 'Send link' }).click();
      await page.getByRole('status').waitFor();
      await check('account-unconfirmed');
      const openLink = async (name: string) => {
        await deliverMails(server.app);
        await visit(linkIn(mailbox.lastTo(email), server.url), name);
      };
      await openLink('verify');
      await page.getByRole('button', { name: 'Confirm' }).click();
      await heading('Your address is confirmed');
      await check('verified');
      await visit('/forgot-password', 'forgot');
      await page.getByLabel('E-mail address').fill(email);
      await page.getByRole('button', { name: 'Send the link' }).click();
      await heading('Look at your mail');
      await check('forgot-done');
      await openLink('new-password');
      await page.getByLabel('New password').fill('a fresh one to remember');
      await page.getByRole('button', { name: 'Change the password' }).click();
      await heading('Your password is changed');
      await check('new-password-done');
      await visit('/reset-password?token=x', 'link-dead');
      await visit('/change-email/sent', 'change-email-sent');
      await visit('/change-email/done', 'change-email-done');
      expect(found).toEqual([]);
    },
    PAGES_MS_MAX,
  );

  it(
    'of the account, and the second step in German',
    async () => {
      const email = 'everybody@example.com';
      await ensureUser(server.app, { email, password: PASSWORD });
      await openAccount(page, server.url, email);
      await addAuthenticator(context, page);
      await addPasskey(page);
      upstream.signedIn = { sub: 'everybody', email: 'everybody@elsewhere.example' };
      await page.getByRole('button', { name: 'Connect Acme' }).click();
      await page.getByRole('button', { name: 'Remove: Acme' }).waitFor();
      await check('account');
      await visit('/account/devices', 'devices');
      await visit('/account/password', 'password');
      await visit('/account/email', 'email');
      await visit('/account/authenticator', 'authenticator');
      const secret = secretOn(await page.content());
      await page.getByLabel('Code').fill(appCode(secret, new Date()));
      await page.getByRole('button', { name: 'Confirm' }).click();
      await heading('Your account');
      await page.getByRole('button', { name: 'Make new ones' }).click();
      await heading('Recovery codes');
      await check('recovery-codes');
      await context.close();
      await openContext('de-DE');
      await askForSignIn();
      await page.getByRole('link', { name: 'Weiter mit Acme' }).waitFor();
      await check('sign-in-de');
      await page.getByLabel('E-Mail-Adresse').fill(email);
      await page.getByLabel('Passwort').fill(PASSWORD);
      await page.getByRole('button', { name: 'Anmelden' }).click();
      await heading('Noch ein Schritt');
      await check('second-factor-de');
      expect(found).toEqual([]);
    },
    PAGES_MS_MAX,
  );
});
