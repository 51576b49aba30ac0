import { ProviderAccounts } from '../../src/inference/provider-admin/provider-accounts.service.js';
import { ProviderRegistry } from '../../src/inference/providers/provider-registry.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { until } from '../support/until.js';
import { ChatBench } from './chat-bench.js';

const CHAT = { model: 'gpt-5-nano', messages: [{ role: 'user', content: 'Hello' }] };
const KEYS = ['sk-first-canary', 'sk-second-canary'] as const;

describe('accounts at providers', () => {
  let mock: OpenAiMock;
  let bench: ChatBench;
  /** A second replica over the same database. */
  let other: TestApp;
  let token: string;

  beforeAll(async () => {
    mock = await new OpenAiMock().start();
    bench = await ChatBench.start({ env: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', SANDBOX: '1' } });
    other = await startTestApp({ database: bench.server.database, publicUrl: bench.server.url });
    const { app } = bench.server;
    await ensureUser(app, { email: 'operator@example.com', role: 'admin' });
    token = await issueToken(app, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
  });
  afterAll(async () => {
    await other.close();
    await bench.close();
    await mock.close();
  });

  async function call(method: string, path: string, body?: object, headers: Record<string, string> = {}) {
    const response = await fetch(`${bench.server.url}/admin/providers${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    for (const key of KEYS) expect(text).not.toContain(key);
    const answer = (text ? JSON.parse(text) : {}) as Record<string, unknown>;
    return { status: response.status, etag: response.headers.get('etag') ?? '', body: answer };
  }

  const keyAt = ({ app }: TestApp) => app.get(ProviderRegistry).endpointOf('openai')?.apiKey ?? null;

  // Planted: the notification left out (the other replica keeps its account); a key sealed for another row.
  it('are added, used by every replica, rotated, tested and switched off, and never shown', async () => {
    const created = await call('POST', '/credentials', {
      provider: 'openai',
      name: 'production',
      apiKey: KEYS[0],
      baseUrl: mock.baseUrl,
      reason: 'the first account',
    });
    expect(created).toMatchObject({ status: 201, body: { provider: 'openai', isActive: true, baseUrl: mock.baseUrl } });
    const path = `/credentials/${String(created.body['id'])}`;
    await until(() => keyAt(bench.server) === KEYS[0] && keyAt(other) === KEYS[0]);

    const caller = await bench.caller('pro');
    const answer = await caller.chat(CHAT);
    expect(answer.status).toBe(200);
    expect(mock.requests.at(-1)?.headers.authorization).toBe(`Bearer ${KEYS[0]}`);

    const stored = await bench.server.orm.em
      .getConnection()
      .execute<{ secret_sealed: Buffer }[]>('select secret_sealed from provider_credentials');
    expect(stored[0]!.secret_sealed.toString('latin1')).not.toContain(KEYS[0]);

    expect(await call('POST', `${path}/rotate`, { apiKey: KEYS[1], reason: 'x' })).toMatchObject({ status: 428 });
    const stale = await call('POST', `${path}/rotate`, { apiKey: KEYS[1], reason: 'x' }, { 'if-match': '"old"' });
    expect(stale.status).toBe(412);
    const rotated = await call(
      'POST',
      `${path}/rotate`,
      { apiKey: KEYS[1], reason: 'yearly' },
      { 'if-match': created.etag },
    );
    expect(rotated.status).toBe(200);
    expect(rotated.etag).not.toBe(created.etag);
    await until(() => keyAt(bench.server) === KEYS[1] && keyAt(other) === KEYS[1]);

    const tested = await call('POST', '/openai/test');
    expect(tested).toMatchObject({ status: 200, body: { isReachable: true, status: 200 } });
    const { body: list } = await call('GET', '');
    expect((list['data'] as { provider: string }[]).find(({ provider }) => provider === 'openai')).toMatchObject({
      source: 'database',
      reachability: { isReachable: true },
      credentials: [{ name: 'production', lastVerifiedAt: expect.any(String) }],
    });

    const { etag } = await call('GET', path);
    expect(etag).toBe(rotated.etag);
    const off = await call('PATCH', path, { isActive: false, reason: 'closed' }, { 'if-match': etag });
    expect(off).toMatchObject({ status: 200, body: { isActive: false } });
    await until(
      () => keyAt(bench.server) === null && bench.server.app.get(ProviderRegistry).names().includes('openai'),
    );
    expect(await call('POST', '/openai/test')).toMatchObject({ body: { isReachable: false, status: null } });

    const trail = await bench.server.orm.em.getConnection().execute<{ action: string; reason: string; line: string }[]>(
      `select action, reason, row_to_json(audit_trail)::text as line from audit_trail
       where entity = 'provider_credential' order by created_at, id`,
    );
    expect(trail.map(({ action, reason }) => [action, reason])).toEqual([
      ['provider_credential.create', 'the first account'],
      ['provider_credential.rotate', 'yearly'],
      ['provider_credential.deactivate', 'closed'],
    ]);
    for (const key of KEYS) expect(JSON.stringify(trail)).not.toContain(key);
  });

  it('make the models of a provider available', async () => {
    const caller = await bench.caller('pro');
    const sandboxed = await caller.chat({ ...CHAT, model: 'claude-sonnet-4-5' });
    expect(sandboxed.headers.get('x-sandbox')).toBe('1');
    await call('POST', '/credentials', {
      provider: 'anthropic',
      name: 'main',
      apiKey: KEYS[0],
      baseUrl: 'http://127.0.0.1:1/v1',
      reason: 'new',
    });
    await until(() => bench.server.app.get(ProviderRegistry).names().includes('anthropic'));
    expect((await caller.chat({ ...CHAT, model: 'claude-sonnet-4-5' })).status).toBe(502);
  });

  it('that cannot be opened are left out, and the others go on', async () => {
    await bench.server.orm.em
      .getConnection()
      .execute(`update provider_credentials set secret_sealed = '\\x00'::bytea where provider = 'anthropic'`);
    await until(() => !bench.server.app.get(ProviderRegistry).names().includes('anthropic'));
    expect(bench.server.app.get(ProviderRegistry).names()).toContain('openai');
  });

  it.each([
    ['a second account of a name', { name: 'main', provider: 'anthropic' }, 409],
    ['a name that no model could have', { provider: 'Open AI' }, 400],
    ['an address that is none', { baseUrl: 'ftp://example.com' }, 400],
    [
      'an address with a query, which the paths behind it would lose',
      { baseUrl: 'https://example.com/v1?version=2' },
      400,
    ],
    ['an address with a password', { baseUrl: 'https://me:secret@example.com' }, 400],
    ['a key with the end of its line', { apiKey: `${KEYS[0]}\n` }, 400],
    ['a key that was copied from where it is not shown whole', { apiKey: 'sk-…abcd' }, 400],
    ['no reason', { reason: '' }, 400],
    ['an unknown field', { color: 'red' }, 400],
  ])('are refused: %s', async (_name, change, status) => {
    const body = { provider: 'mistral', name: 'main', apiKey: KEYS[0], reason: 'x', ...change };
    expect((await call('POST', '/credentials', body)).status).toBe(status);
  });

  it('are for operators only', async () => {
    const { token: userToken } = await bench.caller();
    expect((await call('GET', '', undefined, { authorization: `Bearer ${userToken}` })).status).toBe(403);
    expect((await call('GET', `/credentials/${'0'.repeat(8)}-0000-7000-8000-000000000000`)).status).toBe(404);
    expect((await call('POST', '/nobody/test')).status).toBe(404);
  });

  it('are heard of by a replica whose first reading of them fails', async () => {
    const accounts = other.app.get(ProviderAccounts);
    const { endpoints } = accounts;
    accounts.endpoints = () => {
      accounts.endpoints = endpoints;
      return Promise.reject(new Error('the database is away'));
    };
    const account = { provider: 'mistral', name: 'late', apiKey: KEYS[0], baseUrl: mock.baseUrl, reason: 'new' };
    expect((await call('POST', '/credentials', account)).status).toBe(201);
    await until(() => other.app.get(ProviderRegistry).names().includes('mistral'));
  });
});
