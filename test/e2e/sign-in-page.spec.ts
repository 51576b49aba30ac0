import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as client from 'openid-client';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { authorizationRequest, discover, type AuthorizationRequest } from '../auth/desktop-client.js';
import { launchChromium } from '../support/chromium.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';

const PERSON = { email: 'dora@example.com', password: 'correct horse battery' };

/** What a desktop app does while its user is in the browser: listens on a loopback port for the way back. */
class LoopbackListener {
  private constructor(
    private readonly server: Server,
    readonly received: Promise<URL>,
  ) {}

  static async open(): Promise<LoopbackListener> {
    let arrive: (callback: URL) => void;
    const received = new Promise<URL>((resolve) => (arrive = resolve));
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '', `http://${request.headers.host}`);
      if (url.pathname === '/callback') arrive(url);
      response.setHeader('content-type', 'text/html').end('<title>Back in the app</title>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new LoopbackListener(server, received);
  }

  get redirectUri(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/callback`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('the pages of the sign-in, in a real browser', () => {
  let server: TestApp;
  let browser: Browser;
  let configuration: client.Configuration;
  let context: BrowserContext;
  let page: Page;
  let app: LoopbackListener;
  let request: AuthorizationRequest;
  let complaints: string[];

  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  beforeEach(async () => {
    app = await LoopbackListener.open();
    request = await authorizationRequest(configuration, {
      redirect_uri: app.redirectUri,
      device_name: 'Dora’s laptop',
    });
  });
  afterEach(async () => {
    await context.close();
    app.close();
  });

  async function open(options: { javaScriptEnabled?: boolean } = {}): Promise<void> {
    context = await browser.newContext(options);
    page = await context.newPage();
    complaints = [];
    page.on('console', (message) => {
      // The refused password is an answer of status 401, which the console reports by itself.
      if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(request.address.href);
  }

  /** The code that came back is worth tokens, and it came with the state and the issuer of this sign-in. */
  async function expectSignedIn(): Promise<void> {
    const callback = await app.received;
    expect(Object.fromEntries(callback.searchParams)).toEqual({
      code: expect.stringMatching(/^[\w-]{40,}$/),
      state: request.state,
      iss: server.url,
    });
    const tokens = await client.authorizationCodeGrant(configuration, callback, {
      pkceCodeVerifier: request.verifier,
      expectedState: request.state,
      expectedNonce: request.nonce,
    });
    expect(tokens.claims()).toMatchObject({ email: PERSON.email });
    expect(complaints).toEqual([]);
  }

  async function signInWith(password: string): Promise<void> {
    await page.getByLabel('E-mail address').fill(PERSON.email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  const continueButton = () => page.getByRole('button', { name: `Continue as ${PERSON.email}` });

  it('say that a password is wrong, take the right one, ask for consent and lead back to the app', async () => {
    await open();
    await signInWith('not her password');
    await page.getByRole('alert').getByText('The address or the password is not right.').waitFor();
    expect(await page.getByLabel('E-mail address').inputValue()).toBe(PERSON.email);
    await signInWith(PERSON.password);
    await continueButton().waitFor();
    expect(await page.getByRole('definition').allTextContents()).toEqual([PERSON.email, 'Dora’s laptop']);
    await continueButton().click();
    await expectSignedIn();
  });

  it('can be used with the keyboard alone', async () => {
    await open();
    const press = (key: string) => page.keyboard.press(key);
    const focused = () => page.evaluate<string>('document.activeElement.id || document.activeElement.textContent');
    expect(await focused()).toBe('email');
    await page.keyboard.type(PERSON.email);
    await press('Tab');
    expect(await focused()).toBe('password');
    await page.keyboard.type('not her password');
    await press('Enter');
    await page.getByRole('alert').getByText('not right').waitFor();
    // The message has the focus, so that it is read out; the fields come next.
    expect(await focused()).toContain('not right');
    await press('Tab');
    await press('Tab');
    expect(await focused()).toBe('password');
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type(PERSON.password);
    await press('Enter');
    await continueButton().waitFor();
    await press('Tab');
    expect(await focused()).toBe(`Continue as ${PERSON.email}`);
    await press('Enter');
    await expectSignedIn();
  });

  it('work without JavaScript', async () => {
    await open({ javaScriptEnabled: false });
    await signInWith('not her password');
    await page.getByRole('alert').getByText('not right').waitFor();
    expect(await page.getByLabel('E-mail address').inputValue()).toBe(PERSON.email);
    await signInWith(PERSON.password);
    await continueButton().click();
    await expectSignedIn();
  });

  it('tell the app when the person cancels', async () => {
    await open();
    await page.getByRole('button', { name: 'Cancel' }).click();
    const callback = await app.received;
    expect(Object.fromEntries(callback.searchParams)).toMatchObject({ error: 'access_denied', state: request.state });
    expect(complaints).toEqual([]);
  });

  it('sign out of the browser after a question, within the same policy', async () => {
    await open();
    await signInWith(PERSON.password);
    await continueButton().click();
    await page.waitForURL(`${app.redirectUri}**`);
    await page.goto(`${server.url}/oauth2/logout`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    expect((await context.cookies(server.url)).filter(({ name }) => name === '_session')).toEqual([]);
    // A browser that nobody is signed in with is sent on by a page with a script of its own.
    await page.goto(`${server.url}/oauth2/logout`);
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    expect(complaints).toEqual([]);
  });
});
