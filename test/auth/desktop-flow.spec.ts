import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as client from 'openid-client';
import { deliverMails, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { Browser } from './browser.js';
import {
  approve,
  authorizationRequest,
  DESKTOP_SCOPES,
  discover,
  REDIRECT_URI,
  signIn,
  type Tokens,
} from './desktop-client.js';
import { suspend } from './operations.js';

const PERSON = { email: 'dora@example.com', password: 'correct horse battery' };

describe('the sign-in of a desktop app', () => {
  let server: TestApp;
  let mailbox: Mailbox;
  let configuration: client.Configuration;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    server = await startTestApp({ env: { SMTP_URL: mailbox.url } });
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
  });
  afterAll(async () => {
    await server.close();
    await mailbox.close();
  });

  const me = (token: string) => fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  const refresh = (tokens: { refresh_token?: string }) =>
    client.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
  const grantOf = (tokens: Tokens) => String(decodeJwt(tokens.access_token)['grant_id']);
  const eventsOf = async (grantId: string): Promise<string[]> => {
    const sql = 'select event from auth_events where grant_id = ? order by created_at';
    return (await server.orm.em.fork().execute<{ event: string }[]>(sql, [grantId])).map(({ event }) => event);
  };

  it('gives a token for the API, a refresh token and an ID token with name and address', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON);
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    const claims = decodeJwt(tokens.access_token);
    expect(claims).toMatchObject({
      iss: server.url,
      aud: server.url,
      client_id: 'textassistant-desktop',
      amr: ['pwd'],
      acr: 'aal1',
      auth_time: expect.any(Number),
      scope: DESKTOP_SCOPES.split(' ').slice(3).join(' '),
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600);
    expect(tokens.claims()).toMatchObject({ email: PERSON.email, email_verified: true });
    const answer = await me(tokens.access_token);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ email: PERSON.email, emailVerified: true, role: 'user' });
  });

  it('keeps a line for the device, with what the app said of it', async () => {
    const device = { device_name: 'Dora’s laptop', platform: 'macOS', app_version: '1.4.0' };
    const tokens = await signIn(configuration, new Browser(server.url), PERSON, device);
    const sql =
      "select device_name, platform, app_version, amr, expires_at - created_at = interval '90 days' as lasts from auth_grants where id = ?";
    expect(await server.orm.em.fork().execute(sql, [grantOf(tokens)])).toEqual([
      { device_name: 'Dora’s laptop', platform: 'macOS', app_version: '1.4.0', amr: ['pwd'], lasts: true },
    ]);
    expect(await eventsOf(grantOf(tokens))).toEqual(['consent_granted']);
  });

  it('T7 refreshes with rotation, and ends the sign-in when an old refresh token comes back', async () => {
    const first = await signIn(configuration, new Browser(server.url), PERSON);
    const second = await refresh(first);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(decodeJwt(second.access_token)['grant_id']).toBe(grantOf(first));
    expect(decodeJwt(second.access_token)['amr']).toEqual(['pwd']);
    expect((await me(second.access_token)).status).toBe(200);
    await expect(refresh(first)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(refresh(second)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect((await me(first.access_token)).status).toBe(401);
    expect((await me(second.access_token)).status).toBe(401);
    expect(await eventsOf(grantOf(first))).toEqual(['consent_granted', 'refresh_reuse_detected']);
    // Removed once: `warning.send` in GrantService.revoke.
    await deliverMails(server.app);
    expect(mailbox.lastTo(PERSON.email).subject).toBe('We ended a sign-in of yours');
    expect(mailbox.received).toHaveLength(1);
  });

  it('T1 refuses a code that comes a second time and what was made from it', async () => {
    const browser = new Browser(server.url);
    const request = await authorizationRequest(configuration);
    const callback = await approve(browser, request.address, PERSON);
    const checks = { pkceCodeVerifier: request.verifier, expectedState: request.state, expectedNonce: request.nonce };
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks);
    await expect(client.authorizationCodeGrant(configuration, callback, checks)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect((await me(tokens.access_token)).status).toBe(401);
    expect(await eventsOf(grantOf(tokens))).toEqual(['consent_granted', 'code_reuse_detected']);
  });

  it('ends with revocation: the refresh token and the very next call with the access token', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON);
    expect((await me(tokens.access_token)).status).toBe(200);
    await client.tokenRevocation(configuration, tokens.refresh_token ?? '');
    expect((await me(tokens.access_token)).status).toBe(401);
    await expect(refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await eventsOf(grantOf(tokens))).toEqual(['consent_granted', 'grant_revoked']);
  });

  it('gives each sign-in of one browser a grant of its own, so that ending one leaves the other', async () => {
    const browser = new Browser(server.url);
    const laptop = await signIn(configuration, browser, PERSON);
    const desktop = await signIn(configuration, browser, PERSON);
    expect(grantOf(laptop)).not.toBe(grantOf(desktop));
    await client.tokenRevocation(configuration, laptop.refresh_token ?? '');
    expect((await me(laptop.access_token)).status).toBe(401);
    expect((await me((await refresh(desktop)).access_token)).status).toBe(200);
  });

  it('T41 asks every time, even a browser that is signed in', async () => {
    const browser = new Browser(server.url);
    await signIn(configuration, browser, PERSON);
    const { address } = await authorizationRequest(configuration, { prompt: 'none' });
    const { url } = await browser.follow(address.href);
    expect(url.startsWith(REDIRECT_URI)).toBe(true);
    expect(new URL(url).searchParams.get('error')).toBe('interaction_required');
  });

  it('T48 ends when the user is suspended: refresh, API and the session of the browser', async () => {
    const person = { email: 'sam@example.com', password: 'another long password' };
    const userId = await ensureUser(server.app, person);
    const browser = new Browser(server.url);
    const tokens = await signIn(configuration, browser, person);
    expect((await me(tokens.access_token)).status).toBe(200);
    await suspend(server.app, userId);
    await expect(refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' });
    const refused = await me(tokens.access_token);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'account_suspended' });
    const { response } = await browser.follow((await authorizationRequest(configuration)).address.href);
    expect(await response.text()).toContain('name="password"');
    await expect(signIn(configuration, browser, person)).rejects.toThrow('sign-in: 401');
  });

  it('T44 stores no token, code, session or password as it is', async () => {
    const browser = new Browser(server.url);
    const request = await authorizationRequest(configuration);
    const callback = await approve(browser, request.address, PERSON);
    const tokens = await client.authorizationCodeGrant(configuration, callback, {
      pkceCodeVerifier: request.verifier,
      expectedState: request.state,
      expectedNonce: request.nonce,
    });
    // A sign-in under way holds the id of the session it began in.
    await browser.follow((await authorizationRequest(configuration)).address.href);
    const secrets = [
      PERSON.password,
      tokens.access_token,
      tokens.refresh_token ?? '',
      callback.searchParams.get('code') ?? '',
      ...[...browser.cookies()].flatMap(([name, { value }]) => (name.includes('.sig') ? [] : [value])),
    ];
    expect(secrets.length).toBeGreaterThan(5);
    const tables = await server.orm.em
      .fork()
      .execute<{ name: string }[]>(
        `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
      );
    const found: string[] = [];
    for (const { name } of tables) {
      const rows = await server.orm.em.fork().execute<{ text: string }[]>(`select t::text as text from "${name}" t`);
      for (const { text } of rows) if (secrets.some((secret) => text.includes(secret))) found.push(`${name}: ${text}`);
    }
    expect(found).toEqual([]);
  });
});
