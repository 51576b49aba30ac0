import * as client from 'openid-client';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { Browser } from './browser.js';
import { DESKTOP_SCOPES, discover, signIn } from './desktop-client.js';

const PERSON = { email: 'dora@example.com', password: 'correct horse battery' };

describe('the sign-in of a desktop app', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    server = await startTestApp();
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
  });
  afterAll(() => server.close());

  const me = (token: string) => fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });

  it('gives a token for the API, a rotating refresh token and an ID token with name and address', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON, { device_name: 'Dora’s laptop' });
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      iss: server.url,
      aud: server.url,
      client_id: 'textassistant-desktop',
      grant_id: expect.any(String),
      amr: ['pwd'],
      scope: DESKTOP_SCOPES.split(' ').slice(3).join(' '),
    });
    expect(tokens.claims()).toMatchObject({ email: PERSON.email, email_verified: true });
    const answer = await me(tokens.access_token);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ email: PERSON.email, emailVerified: true, role: 'user' });
    const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect((await me(refreshed.access_token)).status).toBe(200);
  });
});
