import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { OidcArtifactRepository } from '../../src/auth/oauth/oidc-artifact.repository.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';
import { until } from '../support/until.js';
import { Browser } from './browser.js';
import { approve, authorizationRequest, discover, signIn } from './desktop-client.js';

const PERSON = { email: 'rae@example.com', password: 'quick fox over fences' };
const PARALLEL = 20;

/** Two processes on one database, as replicas are; each second request goes to the other one. */
describe('tokens used in parallel', () => {
  let first: TestApp;
  let second: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    first = await startTestApp();
    second = await startTestApp({ database: first.database, publicUrl: first.url });
    await ensureUser(first.app, PERSON);
    configuration = await discover(first.url);
  });
  afterAll(async () => {
    await second.close();
    await first.close();
  });

  const tokenRequest = async (fields: Record<string, string>, index: number) => {
    const response = await fetch(`${(index % 2 ? second : first).url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'textassistant-desktop', ...fields }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  const inParallel = (fields: Record<string, string>) =>
    Promise.all(Array.from({ length: PARALLEL }, (_, index) => tokenRequest(fields, index)));
  const refreshWith = (token: string | undefined) =>
    tokenRequest({ grant_type: 'refresh_token', refresh_token: token ?? '' }, 0);
  const me = (server: TestApp, token: string) =>
    fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });

  it('T8 let one of twenty refreshes through and then end the sign-in', async () => {
    const tokens = await signIn(configuration, new Browser(first.url), PERSON);
    const answers = await inParallel({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' });
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    for (const { body } of answers.filter(({ status }) => status !== 200)) expect(body['error']).toBe('invalid_grant');
    expect((await refreshWith(winners[0]?.body['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' });
  });

  // Removed once: the second writing; the client had used up its token for nothing, and its next refresh ended the sign-in.
  it('survive a database that has no room for the new token at first', async () => {
    const tokens = await signIn(configuration, new Browser(first.url), PERSON);
    const artifacts = first.app.get(OidcArtifactRepository);
    const upsert = artifacts.upsert.bind(artifacts);
    const refused: string[] = [];
    artifacts.upsert = (type, ...rest) => {
      if (type !== 'RefreshToken' || refused.push(type) > 2) return upsert(type, ...rest);
      return Promise.reject(new Error('timeout exceeded when trying to connect'));
    };
    const refreshed = await client
      .refreshTokenGrant(configuration, tokens.refresh_token ?? '')
      .finally(() => (artifacts.upsert = upsert));
    expect(refused).toHaveLength(3);
    await client.refreshTokenGrant(configuration, refreshed.refresh_token ?? '');
  });

  it('T2 let one of twenty code exchanges through and then end the sign-in', async () => {
    const request = await authorizationRequest(configuration);
    const callback = await approve(new Browser(first.url), request.address, PERSON);
    const answers = await inParallel({
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: `${callback.origin}${callback.pathname}`,
      code_verifier: request.verifier,
    });
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect((await refreshWith(winners[0]?.body['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('T9 leave nothing alive when a refresh races a revocation, fifty times', async () => {
    const browser = new Browser(first.url);
    for (let round = 0; round < 50; round += 1) {
      const tokens = await signIn(configuration, browser, PERSON);
      const [refreshed] = await Promise.all([
        refreshWith(tokens.refresh_token),
        fetch(`${second.url}/oauth2/revoke`, {
          method: 'POST',
          body: new URLSearchParams({ client_id: 'textassistant-desktop', token: tokens.refresh_token ?? '' }),
        }),
      ]);
      const grantId = decodeJwt(tokens.access_token)['grant_id'];
      const sql = 'select revoke_reason from auth_grants where id = ?';
      expect(await first.orm.em.fork().execute(sql, [grantId])).toEqual([{ revoke_reason: 'revoked_by_client' }]);
      const left = refreshed.body['refresh_token'] ?? tokens.refresh_token;
      expect((await refreshWith(left)).body).toMatchObject({ error: 'invalid_grant' });
      if (round % 10 === 0) {
        const access = refreshed.body['access_token'] ?? tokens.access_token;
        await untilRefused(access);
      }
    }
  });

  /** Until the other process refuses a token. */
  async function untilRefused(token: string): Promise<void> {
    await until(async () => (await me(second, token)).status === 401);
  }

  it('are refused by another process within seconds of a revocation', async () => {
    const tokens = await signIn(configuration, new Browser(first.url), PERSON);
    expect((await me(second, tokens.access_token)).status).toBe(200);
    await client.tokenRevocation(configuration, tokens.refresh_token ?? '');
    await untilRefused(tokens.access_token);
  });
});

describe('a refresh token in its grace time', () => {
  let server: TestApp;
  let configuration: client.Configuration;
  beforeAll(async () => {
    server = await startTestApp({ env: { REFRESH_GRACE_SECONDS: '20' } });
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
  });
  afterAll(() => server.close());

  it('survives two retries, refuses more without ending the sign-in, and ends it afterwards', async () => {
    const tokens = await signIn(configuration, new Browser(server.url), PERSON);
    const retry = () => client.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    await retry();
    await retry();
    const last = await retry();
    await expect(retry()).rejects.toMatchObject({ error: 'invalid_grant' });
    const next = await client.refreshTokenGrant(configuration, last.refresh_token ?? '');
    server.wallClock.advance(21_000);
    await expect(retry()).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(client.refreshTokenGrant(configuration, next.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });
});
