import { SigningKeyRepository } from '../../src/auth/oauth/signing-key.repository.js';
import { createApp } from '../../src/bootstrap.js';
import { startTestApp } from '../support/test-app.js';
import { testConfig } from '../support/test-config.js';
import { createTestDatabase } from '../support/test-server.js';
import { issueToken } from '../support/tokens.js';

describe('signing keys', () => {
  it('are made once, when several processes start at the same time, and all take each other’s tokens', async () => {
    const database = await createTestDatabase();
    const publicUrl = 'http://localhost:3000';
    const servers = await Promise.all([1, 2, 3].map(() => startTestApp({ database, publicUrl })));
    try {
      const rows = await servers[0]?.orm.em
        .fork()
        .execute<{ alg: string }[]>('select alg, state from signing_keys order by alg');
      expect(rows).toEqual([
        { alg: 'ES256', state: 'active' },
        { alg: 'RS256', state: 'active' },
      ]);
      for (const issuer of servers) {
        const token = await issueToken(issuer.app, { email: 'keys@example.com', scopes: ['user.info'] });
        for (const { url } of servers) {
          const response = await fetch(`${url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
          expect(response.status).toBe(200);
        }
      }
    } finally {
      for (const server of servers) await server.close();
      await database.drop();
    }
  });

  it('T45 are stored sealed, and a server with another key encryption key refuses to start', async () => {
    const database = await createTestDatabase();
    const server = await startTestApp({ database });
    const rows = await server.orm.em
      .fork()
      .execute<{ text: string; sealed: Buffer }[]>(
        'select k::text as text, private_jwk_sealed as sealed from signing_keys k',
      );
    expect(rows).toHaveLength(2);
    for (const { text, sealed } of rows) {
      expect(text).not.toMatch(/"(d|p|q)":/);
      expect(sealed.toString('latin1')).not.toContain('"d"');
    }
    await server.close();
    const otherKey = Buffer.alloc(32, 9).toString('base64');
    const app = await createApp(testConfig({ DATABASE_URL: database.url, KEY_ENCRYPTION_KEY: otherKey }));
    await expect(app.init()).rejects.toThrow('another KEY_ENCRYPTION_KEY');
    await app.close();
    await database.drop();
  });

  it('that are known go on working while new ones cannot be read', async () => {
    const server = await startTestApp();
    try {
      const token = await issueToken(server.app, { email: 'keys@example.com', scopes: ['user.info'] });
      const [, payload, signature] = token.split('.');
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'unknown' })).toString('base64url');
      const me = async (bearer: string) =>
        (await fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${bearer}` } })).status;
      server.wallClock.advance(11_000);
      server.app.get(SigningKeyRepository).findUsable = () => Promise.reject(new Error('the database is gone'));
      // Not 401: that would make an app throw away a token of which nothing is known.
      expect(await me(`${header}.${payload}.${signature}`)).toBe(500);
      expect(await me(token)).toBe(200);
      expect(await me(`${header}.${payload}.${signature}`)).toBe(401);
    } finally {
      await server.close();
    }
  });
});
