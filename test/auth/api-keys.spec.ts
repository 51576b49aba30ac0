import { ApiKeyUses } from '../../src/auth/access/api-key-uses.js';
import { newApiKey } from '../../src/auth/access/api-key-format.js';
import type { Scope } from '../../src/common/http/route-markers.js';
import { Clock } from '../../src/common/clock.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { until } from '../support/until.js';
import { Browser } from './browser.js';
import { discover, signIn } from './desktop-client.js';
import { suspend } from './operations.js';

const SCOPES: Scope[] = ['user.info', 'llm.inference'];
const HELLO = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 10 };
const MINUTE_MS = 60_000;

interface MadeKey {
  id: string;
  key: string;
  prefix: string;
}

interface Sent {
  body?: unknown;
  /** Another replica. */
  at?: string;
}

describe('API keys', () => {
  let server: TestApp;
  let people = 0;

  beforeAll(async () => {
    server = await startTestApp();
  });
  afterAll(() => server.close());

  async function person(scopes: Scope[] = SCOPES) {
    people += 1;
    const email = `key-owner-${people}@example.com`;
    const userId = await ensureUser(server.app, { email });
    await server.app.get(SubscriptionService).ensureSubscription(userId, server.app.get(Clock).now());
    return { email, userId, token: await issueToken(server.app, { email, scopes }) };
  }

  function call(method: string, path: string, token: string, { body, at = server.url }: Sent = {}): Promise<Response> {
    return fetch(`${at}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  const me = (token: string, at = server.url) => call('GET', '/v1/me', token, { at });
  const chat = (token: string, at = server.url) => call('POST', '/v1/chat/completions', token, { body: HELLO, at });
  const make = (token: string, body: object = {}) =>
    call('POST', '/v1/me/api-keys', token, { body: { name: 'notebook', scopes: ['user.info'], ...body } });
  const made = async (token: string, body?: object) => {
    const answer = await make(token, body);
    expect(answer.status).toBe(201);
    return (await answer.json()) as MadeKey;
  };
  const listed = async (token: string) => {
    const { data } = (await (await call('GET', '/v1/me/api-keys', token)).json()) as {
      data: Record<string, unknown>[];
    };
    return data;
  };
  const sql = <Row>(text: string, parameters: unknown[]) =>
    server.orm.em.getConnection().execute<Row[]>(text, parameters);

  it('are shown once, then known by their beginning, and work like a token of their scopes', async () => {
    const { token, userId } = await person();
    const answer = await make(token, { scopes: ['user.info', 'llm.inference'] });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { key, id, prefix } = (await answer.json()) as MadeKey;
    expect(key).toMatch(/^tg_[0-9A-Za-z]{46}$/);
    expect(key.startsWith(prefix)).toBe(true);
    expect(await listed(token)).toMatchObject([{ id, prefix, name: 'notebook', lastUsedAt: null, expiresAt: null }]);
    expect(JSON.stringify(await listed(token))).not.toContain(key);
    expect(await (await me(key)).json()).toMatchObject({ id: userId });
    const answered = await chat(key);
    expect(answered.status).toBe(200);
    expect(Number(answered.headers.get('x-credits-charged'))).toBeGreaterThan(0);
    await server.app.get(ApiKeyUses).flush();
    const [row] = await listed(token);
    expect(Date.now() - Date.parse(String(row?.['lastUsedAt']))).toBeLessThan(MINUTE_MS);
  });

  it('have no more scopes than the token they were made with, and never those of an operator', async () => {
    const email = 'key-operator@example.com';
    const operator = await issueToken(server.app, { email, scopes: ['admin', 'user.info'], role: 'admin' });
    expect((await make(operator, { scopes: ['admin'] })).status).toBe(400);
    const { key } = await made(operator);
    expect((await call('GET', '/admin/users', key)).status).toBe(403);
    const refused = await make(operator, { scopes: ['user.info', 'llm.inference'] });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      errors: [{ field: 'scopes', message: expect.stringContaining('llm.inference') }],
    });
    expect((await chat(key)).status).toBe(403);
  });

  it.each([
    ['no name', { name: '' }],
    ['a name without end', { name: 'x'.repeat(101) }],
    ['no scope', { scopes: [] }],
    ['a scope twice', { scopes: ['user.info', 'user.info'] }],
    ['a scope that is none', { scopes: ['everything'] }],
    ['a scope of a sign-in', { scopes: ['openid'] }],
    ['a time that is none', { expiresAt: 'tomorrow' }],
    ['a time that has passed', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['a field of its own', { prefix: 'tg_mine' }],
  ])('are not made with %s', async (_name, body) => {
    const { token } = await person();
    const refused = await make(token, body);
    expect(refused.status).toBe(400);
    expect(((await refused.json()) as { errors: unknown[] }).errors).toHaveLength(1);
    expect(await listed(token)).toEqual([]);
  });

  // Removed once: the check of freshness in AccessGuard.
  it('are made with a fresh sign-in only, which a key is not', async () => {
    const { token } = await person();
    const { key } = await made(token);
    const byKey = await make(key);
    expect(byKey.status).toBe(401);
    server.wallClock.advance(11 * MINUTE_MS);
    const stale = await make(token);
    server.wallClock.advance(-11 * MINUTE_MS);
    for (const refused of [byKey, stale]) {
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_user_authentication"');
      expect(refused.headers.get('www-authenticate')).toContain('max_age="600"');
      expect(await refused.json()).toMatchObject({ code: 'insufficient_user_authentication', maxAge: 600 });
    }
    expect(await listed(token)).toHaveLength(1);
  });

  it('are made by the desktop app right after its user signed in', async () => {
    const someone = { email: 'desktop-key@example.com', password: 'a-password-of-some-length' };
    await ensureUser(server.app, someone);
    const tokens = await signIn(await discover(server.url), new Browser(server.url), someone);
    const { key } = await made(tokens.access_token);
    expect((await me(key)).status).toBe(200);
  });

  // Removed once: the lock on the user in ApiKeyRepository.add.
  it('are at most 20, also when they are made at the same moment', async () => {
    const { token } = await person();
    const statuses = await Promise.all(Array.from({ length: 24 }, async () => (await make(token)).status));
    expect(statuses.filter((status) => status === 201)).toHaveLength(20);
    expect(statuses.filter((status) => status === 409)).toHaveLength(4);
    const [first] = await listed(token);
    expect((await call('DELETE', `/v1/me/api-keys/${String(first?.['id'])}`, token)).status).toBe(204);
    expect((await make(token)).status).toBe(201);
  });

  // Removed once: the reading of revoked keys in RevocationList.
  it('stop at once where they are revoked, elsewhere at their next billable call and soon altogether', async () => {
    const { token } = await person();
    const { key, id } = await made(token, { scopes: SCOPES });
    const other = await startTestApp({ database: server.database, publicUrl: server.url });
    try {
      expect((await me(key)).status).toBe(200);
      expect((await chat(key, other.url)).status).toBe(200);
      expect((await call('DELETE', `/v1/me/api-keys/${id}`, token)).status).toBe(204);
      expect((await me(key)).status).toBe(401);
      const billable = await chat(key, other.url);
      expect(billable.status).toBe(401);
      expect(await billable.json()).toMatchObject({ error: { code: 'invalid_token' } });
      let status = 200;
      await until(async () => ({ status } = await me(key, other.url)).status !== 200);
      expect(status).toBe(401);
    } finally {
      await other.close();
    }
    expect(await listed(token)).toEqual([]);
    expect((await call('DELETE', `/v1/me/api-keys/${id}`, token)).status).toBe(404);
  });

  it('stop when they expire and while their user is suspended', async () => {
    const { token, userId } = await person();
    const { key } = await made(token, { expiresAt: new Date(Date.now() + 5 * MINUTE_MS).toISOString() });
    expect((await me(key)).status).toBe(200);
    server.wallClock.advance(6 * MINUTE_MS);
    const expired = await me(key);
    server.wallClock.advance(-6 * MINUTE_MS);
    expect(expired.status).toBe(401);
    expect(await expired.json()).toMatchObject({ detail: expect.stringContaining('expired') });
    await suspend(server.app, userId);
    expect((await me(key)).status).toBe(403);
  });

  it('that nobody made are refused, and one that is mistyped is told so', async () => {
    const { token } = await person();
    const { key } = await made(token);
    const unknown = await me(newApiKey());
    expect(unknown.status).toBe(401);
    expect(unknown.headers.get('www-authenticate')).toContain('error="invalid_token"');
    const mistyped = await me(`${key.slice(0, -1)}_`);
    expect(mistyped.status).toBe(401);
    expect(await mistyped.json()).toMatchObject({ detail: expect.stringContaining('mistyped') });
    const elsewhere = await fetch(`${server.url}/v1/me`, { headers: { 'x-api-key': key } });
    expect(elsewhere.status).toBe(401);
  });

  it('of another user cannot be seen or revoked', async () => {
    const owner = await person();
    const stranger = await person();
    const { id, key } = await made(owner.token);
    expect(await listed(stranger.token)).toEqual([]);
    for (const wrong of [id, 'x']) {
      expect((await call('DELETE', `/v1/me/api-keys/${wrong}`, stranger.token)).status).toBe(404);
    }
    expect((await me(key)).status).toBe(200);
  });

  it('are seen and ended by operators, who say why', async () => {
    const { token, userId } = await person();
    const { id, key, prefix } = await made(token);
    const support = await issueToken(server.app, { email: 'sue@ops.example', scopes: ['admin'], role: 'support' });
    const admin = await issueToken(server.app, { email: 'root@ops.example', scopes: ['admin'], role: 'admin' });
    const found = async (query: string) => {
      const response = await call('GET', `/admin/api-keys?${query}`, support);
      return { status: response.status, body: (await response.json()) as { data: { id: string }[] } };
    };
    expect((await found(`prefix=${prefix}`)).body).toMatchObject({ data: [{ id, userId, prefix, revokedAt: null }] });
    expect(JSON.stringify((await found(`userId=${userId}`)).body)).not.toContain(key);
    expect((await found('prefix=password')).status).toBe(400);
    expect((await call('DELETE', `/admin/api-keys/${id}?reason=leaked`, support)).status).toBe(403);
    expect((await call('DELETE', `/admin/api-keys/${id}`, admin)).status).toBe(400);
    expect((await call('DELETE', `/admin/api-keys/${id}?reason=leaked`, admin)).status).toBe(204);
    expect((await me(key)).status).toBe(401);
    expect((await call('DELETE', `/admin/api-keys/${id}?reason=leaked`, admin)).status).toBe(404);
    expect((await found(`userId=${userId}`)).body).toMatchObject({ data: [{ id, revokedAt: expect.any(String) }] });
    const lines = await sql('select reason, after from audit_trail where entity_id = ?', [id]);
    expect(lines).toEqual([{ reason: 'leaked', after: { userId } }]);
  });

  it('are told to their owner by mail, once they are made', async () => {
    const { email, token } = await person();
    expect((await make(token, { name: 'a\nb' })).status).toBe(400);
    const mailsTo = async () =>
      (
        await server.orm.em
          .fork()
          .execute<{ template: string }[]>('select template from mail_outbox where to_address = ?', [email])
      ).map(({ template }) => template);
    expect(await mailsTo()).toEqual([]);
    await made(token, { name: 'notebook' });
    expect(await mailsTo()).toEqual(['apiKeyMade']);
  });

  it('leave a record of who made and revoked them, and of the key only its beginning', async () => {
    const { token, userId } = await person();
    const { id, key, prefix } = await made(token);
    await call('DELETE', `/v1/me/api-keys/${id}`, token);
    const events = await sql<{ event: string; details: Record<string, unknown>; request_id: string | null }>(
      `select event, details, request_id from auth_events where user_id = ? and event like 'api_key%' order by id`,
      [userId],
    );
    expect(events).toMatchObject([
      { event: 'api_key_created', details: { keyId: id, prefix, scopes: ['user.info'] } },
      { event: 'api_key_revoked', details: { keyId: id } },
    ]);
    expect(events.every((event) => event.request_id !== null)).toBe(true);
    expect(JSON.stringify(events)).not.toContain(key);
    const stored = await sql<{ row: string }>('select k::text as row from api_keys k where id = ?', [id]);
    expect(stored[0]?.row).not.toContain(key);
  });
});
