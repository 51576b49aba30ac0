import type { Adapter, Configuration } from 'oidc-provider';
import { assertNoDevelopmentParts } from '../../src/auth/oauth/oidc-configuration.js';
import * as client from 'openid-client';
import { startTestApp } from '../support/test-app.js';
import { createTestDatabase } from '../support/test-server.js';
import { ensureUser } from '../support/tokens.js';
import { Browser } from './browser.js';
import { approve, authorizationRequest, discover, signIn } from './desktop-client.js';

const PERSON = { email: 'rhea@example.com', password: 'paper boats at noon' };

describe('a server that is restarted in the middle of a sign-in', () => {
  it('T52 goes on where it was, lets a code and a token be used once, and bears clocks that differ by seconds', async () => {
    const database = await createTestDatabase();
    const first = await startTestApp({ database });
    await ensureUser(first.app, PERSON);
    const configuration = await discover(first.url);
    const browser = new Browser(first.url);
    const request = await authorizationRequest(configuration);
    const callback = await approve(browser, request.address, PERSON);
    const earlier = await signIn(configuration, browser, PERSON);
    await client.refreshTokenGrant(configuration, earlier.refresh_token ?? '');
    await first.close();

    const second = await startTestApp({ database, publicUrl: first.url });
    try {
      const tokenRequest = async (fields: Record<string, string>) => {
        const body = new URLSearchParams({ client_id: 'textassistant-desktop', ...fields });
        const response = await fetch(`${second.url}/oauth2/token`, { method: 'POST', body });
        return (await response.json()) as Record<string, string>;
      };
      const exchange = {
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code') ?? '',
        redirect_uri: `${callback.origin}${callback.pathname}`,
        code_verifier: request.verifier,
      };
      const refresh = { grant_type: 'refresh_token', refresh_token: earlier.refresh_token ?? '' };
      expect(await tokenRequest(refresh)).toMatchObject({ error: 'invalid_grant' });
      const { access_token: token } = await tokenRequest(exchange);
      const statusAfter = async (seconds: number) => {
        second.wallClock.advance(seconds * 1_000);
        const { status } = await fetch(`${second.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
        second.wallClock.advance(-seconds * 1_000);
        return status;
      };
      expect([await statusAfter(0), await statusAfter(600), await statusAfter(615)]).toEqual([200, 200, 401]);
      expect(await tokenRequest(exchange)).toMatchObject({ error: 'invalid_grant' });
    } finally {
      await second.close();
      await database.drop();
    }
  });
});

describe('a server in production', () => {
  it('T53 has neither the pages of the engine, which take any password, nor its store in memory', async () => {
    const server = await startTestApp({ env: { NODE_ENV: 'production', LOG_LEVEL: 'silent' } });
    try {
      const browser = new Browser(server.url);
      const { address } = await authorizationRequest(await discover(server.url));
      const { response, url } = await browser.follow(address.href);
      const page = await response.text();
      expect(page).toContain(`action="${new URL(url).pathname}/login"`);
      expect(page).not.toContain('oidc-provider');
      const anything = { prompt: 'login', login: 'someone', email: 'someone@example.com', password: 'anything' };
      expect((await browser.postForm(`${new URL(url).pathname}/login`, anything)).status).toBe(401);
      const sql = `select count(*)::int as kept from oidc_artifacts where type = 'Interaction'`;
      expect(await server.orm.em.fork().execute(sql)).toEqual([{ kept: 1 }]);
    } finally {
      await server.close();
    }
  });

  it('T53 does not start with them', () => {
    const adapter = () => ({}) as Adapter;
    const refused = (configuration: Configuration) => () => assertNoDevelopmentParts(configuration);
    expect(refused({ adapter, features: { devInteractions: { enabled: false } } })).not.toThrow();
    expect(refused({ adapter, features: { devInteractions: { enabled: true } } })).toThrow('pages must be off');
    // The engine has them on where nothing is said.
    expect(refused({ adapter, features: {} })).toThrow('pages must be off');
    expect(refused({ features: { devInteractions: { enabled: false } } })).toThrow('our storage');
  });
});
