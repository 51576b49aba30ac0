import { request } from 'node:http';
import * as client from 'openid-client';
import { COUNTED_PER_WINDOW_MAX, EndpointLimiter } from '../../src/auth/oauth/endpoint-limiter.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { Browser } from './browser.js';
import { answerPages, approve, authorizationRequest, discover, signIn } from './desktop-client.js';

const PERSON = { email: 'hal@example.com', password: 'seven tin soldiers' };
const OTHER = { email: 'eve@example.com', password: 'seven tin trumpets' };
const SCOPE = 'openid user.info models.read';

describe('a device without a browser', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    server = await startTestApp();
    for (const person of [PERSON, OTHER]) await ensureUser(server.app, person);
    configuration = await discover(server.url, 'tollgate-cli');
  });
  afterAll(() => server.close());

  const begin = (parameters: Record<string, string> = {}) =>
    client.initiateDeviceAuthorization(configuration, { scope: SCOPE, device_name: 'build server', ...parameters });
  const poll = async (deviceCode: string) => {
    const body = new URLSearchParams({
      client_id: 'tollgate-cli',
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: deviceCode,
    });
    const response = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const typeCode = async (browser: Browser, userCode: string, fields: Record<string, string> = {}) => {
    const page = await (await browser.get('/oauth2/device')).text();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
    return browser.postForm('/oauth2/device', { xsrf, user_code: userCode, ...fields });
  };
  const confirm = async (browser: Browser, userCode: string, person = PERSON) => {
    const confirmed = await typeCode(browser, userCode, { confirm: 'yes' });
    return answerPages(browser, confirmed.headers.get('location') ?? '', person);
  };

  it('shows a code, and gets tokens of its own once its person has agreed', async () => {
    const started = await begin();
    expect(started).toMatchObject({ verification_uri: `${server.url}/oauth2/device`, expires_in: 600 });
    expect(started.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect((await poll(started.device_code)).body['error']).toBe('authorization_pending');

    const browser = new Browser(server.url);
    const page = await (await typeCode(browser, started.user_code.toLowerCase())).text();
    for (const text of [
      'Is this your device?',
      started.user_code,
      'Tollgate Command Line',
      'build server',
      '127.0.0.1',
    ]) {
      expect(page).toContain(text);
    }
    const { response } = await confirm(browser, started.user_code);
    expect(await response.text()).toContain('Your device is connected');

    const tokens = await client.pollDeviceAuthorizationGrant(configuration, { ...started, interval: 1 });
    expect(new Set(tokens.scope?.split(' '))).toEqual(new Set(['models.read', 'user.info']));
    const authorization = { authorization: `Bearer ${tokens.access_token}` };
    const sessions = await (await fetch(`${server.url}/v1/me/sessions`, { headers: authorization })).json();
    expect(sessions).toMatchObject({
      data: [{ deviceName: 'build server', clientId: 'tollgate-cli', isCurrent: true }],
    });
    expect((await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).access_token).toBeTruthy();
  });

  it('is told when its person says no', async () => {
    const started = await begin();
    const browser = new Browser(server.url);
    const answer = await typeCode(browser, started.user_code, { abort: 'yes' });
    expect(await answer.text()).toContain('The device was not connected.');
    expect((await poll(started.device_code)).body['error']).toBe('access_denied');
  });

  it('T42 has a code that works once, for the first who confirms it, and for ten minutes', async () => {
    const started = await begin();
    const victim = new Browser(server.url);
    await confirm(victim, started.user_code);
    const late = await typeCode(new Browser(server.url), started.user_code);
    expect(await late.text()).toContain('This code was used already.');
    expect((await poll(started.device_code)).status).toBe(200);
    expect((await poll(started.device_code)).body['error']).toBe('invalid_grant');

    const taken = await begin();
    const first = new Browser(server.url);
    await typeCode(first, taken.user_code, { confirm: 'yes' });
    const second = await typeCode(new Browser(server.url), taken.user_code, { confirm: 'yes' });
    expect(await second.text()).toContain('This code was used already.');

    const expired = await begin();
    server.wallClock.advance(11 * 60_000);
    expect(await (await typeCode(new Browser(server.url), expired.user_code)).text()).toMatch(
      /no such code|has expired/,
    );
    server.wallClock.advance(-11 * 60_000);
    const forged = await first.postForm('/oauth2/device', { xsrf: 'forged', user_code: taken.user_code });
    expect(forged.status).toBe(400);
  });

  // Removed once: the new beginning in userCodePage; the engine failed with 500.
  it.each([
    ['types a code', 'POST', '/oauth2/device'],
    ['comes back to a sign-in that is over', 'GET', '/oauth2/device/nobody-knows-this'],
  ])('begins anew for a browser without a session that %s', async (_name, method, path) => {
    const browser = new Browser(server.url);
    const fields = { xsrf: 'of another time', user_code: 'BBBB-BBBB' };
    const answer = await (method === 'POST' ? browser.postForm(path, fields) : browser.get(path));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/oauth2/device']);
    expect(await (await typeCode(browser, 'BBBB-BBBB')).text()).toContain('There is no such code.');
  });

  // Removed once: counting codes before they are looked up; all hundred guesses were evaluated.
  it('T42 cannot be found by guessing codes: an address is slowed down after twenty', async () => {
    const started = await begin();
    const browser = new Browser(server.url);
    const page = await (await browser.get('/oauth2/device')).text();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
    const guess = (code: string) =>
      browser.postForm('/oauth2/device', { xsrf, user_code: code }, { accept: 'text/html' });
    const guesses = await Promise.all(
      Array.from({ length: 100 }, (_, index) => guess(`BBBB-BB${String.fromCharCode(66 + (index % 2))}${index}`)),
    );
    expect(guesses.filter(({ status }) => status !== 429).length).toBeLessThanOrEqual(20);
    const refused = await guess(started.user_code);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.text()).toContain('Too many attempts.');
    server.wallClock.advance(16 * 60_000);
    expect((await typeCode(browser, 'BBBB-BBBB')).status).toBe(200);
    server.wallClock.advance(-16 * 60_000);
  });

  // Removed once: the one spelling of a path; the engine knows more, and every guess was evaluated.
  it.each(['/oauth2/device/', '/oauth2/DEVICE', '/oauth2/device#', '/oauth2/Authorize', '/oauth2/jwks/'])(
    'T42 cannot be guessed at another spelling of the address: %s is nowhere',
    async (path) => {
      const { hostname, port } = new URL(server.url);
      const status = await new Promise((resolve, reject) => {
        // As it stands: `fetch` would leave the fragment out.
        request({ hostname, port, path, method: path.includes('evice') ? 'POST' : 'GET' }, (response) =>
          resolve(response.resume().statusCode),
        )
          .on('error', reject)
          .end();
      });
      expect(status).toBe(404);
    },
  );
});

describe('the endpoints of the sign-in', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
  });
  afterAll(() => server.close());

  it('take an authorization request that was pushed, once', async () => {
    const { address, verifier, state, nonce } = await authorizationRequest(configuration);
    const parameters = Object.fromEntries(address.searchParams);
    const pushed = await client.buildAuthorizationUrlWithPAR(configuration, parameters);
    expect([...pushed.searchParams.keys()].toSorted((a, b) => a.localeCompare(b))).toEqual([
      'client_id',
      'request_uri',
    ]);
    const callback = await approve(new Browser(server.url), pushed, PERSON);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    expect((await client.authorizationCodeGrant(configuration, callback, checks)).access_token).toBeTruthy();
    expect((await fetch(pushed, { redirect: 'manual' })).status).toBe(400);
  });

  // Removed once: the length of what is stored; 50 000 characters of a stranger were kept, twice.
  it('take no request that is longer than anybody needs', async () => {
    const { address } = await authorizationRequest(configuration, { state: 'x'.repeat(17_000) });
    const pushed = await fetch(`${server.url}/oauth2/par`, { method: 'POST', body: address.searchParams });
    expect([pushed.status, await pushed.json()]).toEqual([
      400,
      { error: 'invalid_request', error_description: 'a request has at most 16384 characters' },
    ]);
    const device = new URLSearchParams({ client_id: 'tollgate-cli', device_name: 'x'.repeat(17_000) });
    const asked = await fetch(`${server.url}/oauth2/device_authorization`, { method: 'POST', body: device });
    expect(asked.status).toBe(400);
  });

  it('are bounded for an address that only costs, and free for refreshes that succeed', async () => {
    const token = () =>
      fetch(`${server.url}/oauth2/token`, {
        method: 'POST',
        body: new URLSearchParams({
          client_id: 'textassistant-desktop',
          grant_type: 'refresh_token',
          refresh_token: 'x',
        }),
      });
    const limiter = server.app.get(EndpointLimiter);
    const countTo = (most: number) => {
      for (const ip of ['127.0.0.1', '::1']) for (let count = 0; count < most; count += 1) limiter.count(ip);
    };
    const tokens = await signIn(configuration, new Browser(server.url), PERSON);
    countTo(COUNTED_PER_WINDOW_MAX - 20);
    let { refresh_token: live = '' } = tokens;
    for (let turn = 0; turn < 25; turn += 1) {
      live = (await client.refreshTokenGrant(configuration, live)).refresh_token ?? '';
    }
    expect((await token()).status).toBe(400);
    countTo(20);
    const answer = await token();
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({ error: 'temporarily_unavailable' });
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    const page = await fetch(`${server.url}/oauth2/authorize`, { headers: { accept: 'text/html' } });
    expect([page.status, await page.text()]).toEqual([
      429,
      expect.stringContaining('Too many requests came from your'),
    ]);
    server.wallClock.advance(61_000);
    expect((await token()).status).toBe(400);
  });

  // Removed once: the count of challenges; each of them was stored.
  it('are bounded in the challenges for passkeys that they store, too', async () => {
    const browser = new Browser(server.url);
    const { url } = await browser.follow((await authorizationRequest(configuration)).address.href);
    const ask = () => browser.postJson(`${new URL(url).pathname}/passkey/options`, {});
    expect((await ask()).status).toBe(200);
    const limiter = server.app.get(EndpointLimiter);
    for (const ip of ['127.0.0.1', '::1'])
      for (let count = 0; count < COUNTED_PER_WINDOW_MAX - 2; count += 1) limiter.count(ip);
    expect((await ask()).status).toBe(429);
    server.wallClock.advance(61_000);
    expect((await ask()).status).toBe(200);
  });
});
