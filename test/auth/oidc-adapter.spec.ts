import { randomUUID } from 'node:crypto';
import type { Adapter } from 'oidc-provider';
import { GrantService } from '../../src/auth/oauth/grant.service.js';
import { OidcAdapters } from '../../src/auth/oauth/oidc-adapters.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser } from '../support/tokens.js';

describe('the adapter of the provider', () => {
  let server: TestApp;
  let userId: string;
  beforeAll(async () => {
    server = await startTestApp();
    userId = await ensureUser(server.app, { email: 'ada@example.com' });
  });
  afterAll(() => server.close());

  const adapterOf = (type: string): Adapter => server.app.get(OidcAdapters).of(type);
  const openGrant = () =>
    server.app.get(GrantService).open({
      userId,
      clientId: 'textassistant-desktop',
      scopes: ['openid', 'user.info'],
      device: { name: null, platform: null, appVersion: null },
      ip: null,
      acr: 'aal1',
      amr: ['pwd'],
    });

  it('gives back what was saved, and overwrites what is saved again', async () => {
    const adapter = adapterOf('RefreshToken');
    const payload = { jti: 'token-1', kind: 'RefreshToken', scope: 'openid', accountId: userId, exp: 2_000_000_000 };
    await adapter.upsert('token-1', payload, 60);
    expect(await adapter.find('token-1')).toEqual(payload);
    await adapter.upsert('token-1', { ...payload, scope: 'openid email' }, 60);
    expect(await adapter.find('token-1')).toEqual({ ...payload, scope: 'openid email' });
    expect(await adapterOf('AccessToken').find('token-1')).toBeUndefined();
    await adapter.destroy('token-1');
    expect(await adapter.find('token-1')).toBeUndefined();
  });

  it('finds a session by its uid and a device code by its user code, with the id that neither names', async () => {
    await adapterOf('Session').upsert('cookie-1', { jti: 'cookie-1', uid: 'uid-1', accountId: userId }, 60);
    expect(await adapterOf('Session').findByUid('uid-1')).toMatchObject({ jti: 'cookie-1', uid: 'uid-1' });
    await adapterOf('DeviceCode').upsert('device-1', { jti: 'device-1', userCode: 'ABCD' }, 60);
    expect(await adapterOf('DeviceCode').findByUserCode('ABCD')).toMatchObject({ jti: 'device-1' });
    expect(await adapterOf('DeviceCode').findByUserCode('EFGH')).toBeUndefined();
  });

  it('gives back the members of an interaction that name other things, without storing them in the clear', async () => {
    const payload = {
      jti: 'interaction-1',
      returnTo: 'https://host/oauth2/authorize/interaction-1',
      deviceCode: 'device-2',
      parJti: 'par-1',
      session: { uid: 'uid-2', cookie: 'cookie-2', accountId: userId },
    };
    await adapterOf('Interaction').upsert('interaction-1', payload, 60);
    expect(await adapterOf('Interaction').find('interaction-1')).toEqual(payload);
    const sql = `select payload::text as text from oidc_artifacts where type = 'Interaction'`;
    for (const { text } of await server.orm.em.fork().execute<{ text: string }[]>(sql)) {
      for (const secret of ['interaction-1', 'device-2', 'par-1', 'cookie-2']) expect(text).not.toContain(secret);
    }
  });

  it('does not find what has expired', async () => {
    await adapterOf('AuthorizationCode').upsert('code-1', { jti: 'code-1' }, 60);
    server.wallClock.advance(61_000);
    expect(await adapterOf('AuthorizationCode').find('code-1')).toBeUndefined();
    server.wallClock.advance(-61_000);
  });

  it('consumes once, says so afterwards, and ends the sign-in at the second time', async () => {
    const grantId = await openGrant();
    const adapter = adapterOf('RefreshToken');
    await adapter.upsert('token-2', { jti: 'token-2', grantId }, 60);
    await adapter.upsert('token-3', { jti: 'token-3', grantId }, 60);
    await adapter.consume('token-2');
    expect(await adapter.find('token-2')).toMatchObject({ consumed: expect.any(Number) });
    expect(await adapterOf('Grant').find(grantId)).toBeDefined();
    await expect(adapter.consume('token-2')).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(await adapterOf('Grant').find(grantId)).toBeUndefined();
    expect(await adapter.find('token-3')).toBeUndefined();
    await expect(adapter.consume('never-saved')).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('reads a grant as the provider wants it, until it is destroyed', async () => {
    const grantId = await openGrant();
    const grants = adapterOf('Grant');
    expect(await grants.find(grantId)).toMatchObject({
      jti: grantId,
      accountId: userId,
      clientId: 'textassistant-desktop',
      openid: { scope: 'openid' },
      resources: { [server.url]: 'user.info' },
    });
    await grants.destroy(grantId);
    await grants.destroy(grantId);
    expect(await grants.find(grantId)).toBeUndefined();
    expect(await grants.find(randomUUID())).toBeUndefined();
  });

  it('revokes by grant what is of its own type', async () => {
    const grantId = await openGrant();
    await adapterOf('RefreshToken').upsert('token-4', { jti: 'token-4', grantId }, 60);
    await adapterOf('AuthorizationCode').upsert('code-2', { jti: 'code-2', grantId }, 60);
    await adapterOf('RefreshToken').revokeByGrantId(grantId);
    expect(await adapterOf('RefreshToken').find('token-4')).toBeUndefined();
    expect(await adapterOf('AuthorizationCode').find('code-2')).toBeDefined();
  });

  it('gives the provider OpenID Connect’s scopes of a client, and no client that is switched off', async () => {
    expect(await adapterOf('Client').find('textassistant-desktop')).toMatchObject({
      client_id: 'textassistant-desktop',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      scope: 'openid email profile',
    });
    await server.orm.em
      .fork()
      .execute(`update oauth_clients set is_active = false where client_id = 'tollgate-console'`);
    expect(await adapterOf('Client').find('tollgate-console')).toBeUndefined();
    expect(await adapterOf('Client').find('nobody')).toBeUndefined();
  });
});
