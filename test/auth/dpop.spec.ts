import { createHash, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { Browser } from './browser.js';
import { approve, authorizationRequest, discover } from './desktop-client.js';

const PERSON = { email: 'dov@example.com', password: 'green glass harbour' };

interface Proof {
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
  key?: CryptoKey | Uint8Array;
}

/** Two replicas, so that a proof that one has seen is shown to the other. */
describe('a token that is bound to a key', () => {
  let server: TestApp;
  let replica: TestApp;
  let configuration: client.Configuration;
  let pair: client.CryptoKeyPair;
  let jwk: JWK;
  let token: string;
  let refreshToken: string;
  let authorizationServer: oauth.AuthorizationServer;
  beforeAll(async () => {
    server = await startTestApp();
    replica = await startTestApp({ database: server.database, publicUrl: server.url });
    await ensureUser(server.app, PERSON);
    configuration = await discover(server.url);
    pair = await generateKeyPair('ES256', { extractable: true });
    jwk = await exportJWK(pair.publicKey);
    const DPoP = client.getDPoPHandle(configuration, pair);
    const { address, verifier, state, nonce } = await authorizationRequest(configuration);
    const callback = await approve(new Browser(server.url), address, PERSON);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    const tokens = await client.authorizationCodeGrant(configuration, callback, checks, undefined, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    token = tokens.access_token;
    refreshToken = tokens.refresh_token ?? '';
    authorizationServer = configuration.serverMetadata() as oauth.AuthorizationServer;
  });
  afterAll(async () => {
    await replica.close();
    await server.close();
  });

  const prove = async ({ claims = {}, header = {}, key = pair.privateKey }: Proof = {}) => {
    const ath = createHash('sha256').update(token).digest('base64url');
    const now = Math.floor(Date.now() / 1_000);
    const all = { jti: randomUUID(), htm: 'GET', htu: `${server.url}/v1/me`, iat: now, ath, ...claims };
    return new SignJWT(all).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header }).sign(key);
  };
  const call = async (headers: Record<string, string>, to = server) => {
    const response = await fetch(`${to.url}/v1/me?with=query`, { headers });
    const challenge = response.headers.get('www-authenticate');
    return { status: response.status, challenge, body: (await response.json()) as { code?: string; email?: string } };
  };
  const withProof = (proof: string, to = server) => call({ authorization: `DPoP ${token}`, dpop: proof }, to);

  /** What an independent implementation says of the same request; it remembers no proofs. */
  const oracle = async (headers: Record<string, string>) => {
    const request = new Request(`${server.url}/v1/me`, { headers });
    const options = { [oauth.allowInsecureRequests]: true, [oauth.clockTolerance]: 15 };
    try {
      await oauth.validateJwtAccessToken(authorizationServer, request, server.url, options);
      return 200;
    } catch {
      // It throws whatever it trips over: an unreadable address, a key of the wrong kind.
      return 401;
    }
  };

  it('opens the API to whoever proves the key, with each request anew', async () => {
    const DPoP = client.getDPoPHandle(configuration, pair);
    for (let request = 0; request < 3; request += 1) {
      const address = new URL(`${server.url}/v1/me`);
      const response = await client.fetchProtectedResource(configuration, token, address, 'GET', null, undefined, {
        DPoP,
      });
      expect(response.status).toBe(200);
    }
    const headers = { authorization: `DPoP ${token}`, dpop: await prove() };
    expect([await oracle(headers), (await call(headers)).body.email]).toEqual([200, PERSON.email]);
  });

  // Removed once: the comparison of scheme and binding; the bound token was then taken as a bearer token.
  it('T16 is refused as a bearer token, and an unbound one with a proof', async () => {
    const bearer = { authorization: `Bearer ${token}` };
    expect([await oracle(bearer), (await call(bearer)).status]).toEqual([401, 401]);
    const headers = { ...bearer, dpop: await prove() };
    expect((await call(headers)).body.code).toBe('invalid_token');
    const unbound = await issueToken(server.app, { email: PERSON.email, scopes: ['user.info'] });
    expect((await call({ authorization: `DPoP ${unbound}`, dpop: await prove() })).status).toBe(401);
    expect((await call({ authorization: `DPoP ${token}` })).body.code).toBe('invalid_dpop_proof');
  });

  const now = Math.floor(Date.now() / 1_000);
  it.each<[string, () => Promise<Proof>]>([
    ['without the hash of the token', () => Promise.resolve({ claims: { ath: undefined } })],
    ['with the hash of another token', () => Promise.resolve({ claims: { ath: 'x'.repeat(43) } })],
    ['for another method', () => Promise.resolve({ claims: { htm: 'POST' } })],
    ['for another path', () => Promise.resolve({ claims: { htu: `${server.url}/v1/models` } })],
    ['for another host', () => Promise.resolve({ claims: { htu: 'https://evil.example/v1/me' } })],
    ['for no address', () => Promise.resolve({ claims: { htu: 'me' } })],
    ['from an hour ago', () => Promise.resolve({ claims: { iat: now - 3_600 } })],
    ['from the future', () => Promise.resolve({ claims: { iat: now + 3_600 } })],
    ['without a time', () => Promise.resolve({ claims: { iat: undefined } })],
    ['without an id', () => Promise.resolve({ claims: { jti: undefined } })],
    ['of another type', () => Promise.resolve({ header: { typ: 'JWT' } })],
    ['with the private key in it', async () => ({ header: { jwk: await exportJWK(pair.privateKey) } })],
    ['without a key in it', () => Promise.resolve({ header: { jwk: undefined } })],
    ['with a symmetric algorithm', () => Promise.resolve({ header: { alg: 'HS256' }, key: Buffer.alloc(32, 1) })],
    [
      'with another key',
      async () => {
        const other = await generateKeyPair('ES256', { extractable: true });
        return { header: { jwk: await exportJWK(other.publicKey) }, key: other.privateKey };
      },
    ],
    ['signed with another key than it names', async () => ({ key: (await generateKeyPair('ES256')).privateKey })],
  ])('T16 is refused with a proof %s, as an independent implementation does', async (_name, forgery) => {
    const headers = { authorization: `DPoP ${token}`, dpop: await prove(await forgery()) };
    expect(await oracle(headers)).toBe(401);
    const { status, challenge, body } = await call(headers);
    expect({ status, code: body.code }).toEqual({ status: 401, code: 'invalid_dpop_proof' });
    expect(challenge).toMatch(/^DPoP error="invalid_dpop_proof", .*algs="ES256 Ed25519 EdDSA"/);
    expect(challenge).toContain('resource_metadata=');
  });

  // Removed once: the memory of proofs; the copy was then taken.
  it('T16 takes a proof once, on whichever replica, also of many at the same moment', async () => {
    const proof = await prove();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => withProof(proof, index % 2 ? replica : server)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await withProof(proof, replica)).body.code).toBe('invalid_dpop_proof');
    const twice = await call({ authorization: `DPoP ${token}`, dpop: `${await prove()}, ${await prove()}` });
    expect(twice.body.code).toBe('invalid_dpop_proof');
  });

  it('has a refresh token that only the key can use, and that is not replaced while it is young', async () => {
    const DPoP = client.getDPoPHandle(configuration, pair);
    const refreshed = await client.refreshTokenGrant(configuration, refreshToken, undefined, { DPoP });
    expect(refreshed.refresh_token ?? refreshToken).toBe(refreshToken);
    await expect(client.refreshTokenGrant(configuration, refreshToken)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    const other = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair());
    await expect(
      client.refreshTokenGrant(configuration, refreshToken, undefined, { DPoP: other }),
    ).rejects.toMatchObject({ error: 'invalid_grant' });
    expect(
      (await client.refreshTokenGrant(configuration, refreshToken, undefined, { DPoP })).access_token,
    ).toBeTruthy();
  });

  it('is announced by the metadata', async () => {
    const resource = await (await fetch(`${server.url}/.well-known/oauth-protected-resource`)).json();
    expect(resource).toMatchObject({ dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA'] });
    expect(configuration.serverMetadata()).toMatchObject({
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256']),
    });
  });
});
