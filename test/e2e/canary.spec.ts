import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as client from 'openid-client';
import pg from 'pg';
import { Browser } from '../auth/browser.js';
import { approve, authorizationRequest, discover, signIn } from '../auth/desktop-client.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { type CollectedSpan, TraceCollector } from '../support/trace-collector.js';
import { until } from '../support/until.js';

const PERSON = { email: 'cleo@example.com', password: 'canary-right-password' };
const WRONG_PASSWORD = 'canary-wrong-password';
const SHORT_PASSWORD = 'canary-tiny';
const PROMPT = 'canary-prompt-of-cleo';

/**
 * Everything a person does, well and badly, against a server that logs as much as it can; then every secret that was used is looked for in
 * all that the server printed, in every refusal and in the whole database.
 */
describe('a secret that passes through the server', () => {
  let server: ServerProcess;
  let database: TestDatabase;
  let dataDir: string;
  let collector: TraceCollector;
  let configuration: client.Configuration;
  const secrets = new Map<string, string>();
  const refusals: string[] = [];

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'tollgate-canary-'));
    database = await createTestDatabase();
    collector = await new TraceCollector().start();
    server = await startServerProcess({
      LOG_LEVEL: 'debug',
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    });
    configuration = await discover(server.url);
    keep({ password: PERSON.password, wrongPassword: WRONG_PASSWORD, shortPassword: SHORT_PASSWORD, prompt: PROMPT });
    const local = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')) as Record<string, string | string[]>;
    keep({ keyEncryptionKey: String(local['keyEncryptionKey']), cookieKey: String(local['cookieKeys']) });
    await registerAndConfirm();
    const token = await useSignIns();
    await useModels(token);
    await useApiKey(token);
    await useClientSecret();
    await failInside(token);
  });
  afterAll(async () => {
    await server?.end();
    await collector?.close();
    await database?.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  function keep(named: Record<string, string | undefined>): void {
    for (const [name, value] of Object.entries(named)) if (value) secrets.set(name, value);
  }

  /** The names of all secrets that `text` holds, as they are or in the encodings of a dump. */
  function found(text: string): string[] {
    return [...secrets].flatMap(([name, secret]) => {
      const bytes = Buffer.from(secret);
      const forms = [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('base64url')];
      return forms.some((form) => text.includes(form)) ? [name] : [];
    });
  }

  async function refused(response: Response | Promise<Response>): Promise<void> {
    const answer = await response;
    expect(answer.status).toBeGreaterThanOrEqual(400);
    refusals.push(`${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
  }

  async function query(sql: string): Promise<void> {
    const connection = new pg.Client({ connectionString: database.url });
    await connection.connect();
    await connection.query(sql);
    await connection.end();
  }

  /** The server's output comes through a pipe, a moment after the answer. */
  async function mailedToken(): Promise<string> {
    const printed = (): string | undefined => /verify-email\?token=([\w-]{43})/.exec(server.output())?.[1];
    await until(() => printed() !== undefined);
    return printed()!;
  }

  async function registerAndConfirm(): Promise<void> {
    const browser = new Browser(server.url);
    const { url } = await browser.follow((await authorizationRequest(configuration)).address.href);
    const registered = await browser.postJson(`${url}/register`, { ...PERSON, displayName: 'Cleo' });
    expect(registered.status).toBe(200);
    const token = await mailedToken();
    keep({ emailToken: token });
    expect((await browser.get(`/verify-email?token=${token}`)).status).toBe(200);
    expect((await browser.postJson('/verify-email', { token })).status).toBe(200);
    await refused(browser.postForm('/verify-email', { token }));
    for (const send of [browser.postJson.bind(browser), browser.postForm.bind(browser)]) {
      await refused(send(`${url}/login`, { email: PERSON.email, password: WRONG_PASSWORD }));
      await refused(send(`${url}/login`, { email: 'no address', password: PERSON.password }));
      await refused(send(`${url}/register`, { email: PERSON.email, password: SHORT_PASSWORD }));
      await refused(send(`${url}/login`, { ...PERSON }, { origin: 'https://evil.example' }));
    }
    await refused(browser.postJson(`${url}/login`, { email: PERSON.email, password: [PERSON.password] }));
  }

  /** Signs in, refreshes, and uses code and refresh token a second time. A token that is still good is returned. */
  async function useSignIns(): Promise<string> {
    const browser = new Browser(server.url);
    const request = await authorizationRequest(configuration);
    const callback = await approve(browser, request.address, PERSON);
    const checks = { pkceCodeVerifier: request.verifier, expectedState: request.state, expectedNonce: request.nonce };
    const first = await client.authorizationCodeGrant(configuration, callback, checks);
    await expect(client.authorizationCodeGrant(configuration, callback, checks)).rejects.toThrow();
    const second = await signIn(configuration, browser, PERSON);
    const third = await client.refreshTokenGrant(configuration, second.refresh_token ?? '');
    await expect(client.refreshTokenGrant(configuration, second.refresh_token ?? '')).rejects.toThrow();
    const fourth = await signIn(configuration, browser, PERSON);
    keep({ code: callback.searchParams.get('code') ?? '', codeVerifier: request.verifier });
    [first, second, third, fourth].forEach(({ access_token, refresh_token, id_token }, index) =>
      keep({
        [`accessToken${index}`]: access_token,
        [`refreshToken${index}`]: refresh_token,
        [`idToken${index}`]: id_token,
      }),
    );
    for (const [name, { value }] of browser.cookies()) if (name.startsWith('_session')) keep({ [name]: value });
    const form = (fields: Record<string, string>) => ({ method: 'POST', body: new URLSearchParams(fields) });
    const device = { client_id: 'tollgate-cli', scope: 'openid' };
    const started = await fetch(`${server.url}/oauth2/device_authorization`, form(device));
    const codes = (await started.json()) as { device_code: string; user_code: string };
    keep({ deviceCode: codes.device_code, userCode: codes.user_code, plainUserCode: codes.user_code.replace('-', '') });
    const credentials = { client_id: 'textassistant-desktop', grant_type: 'refresh_token' };
    const refreshToken = first.refresh_token ?? '';
    await refused(fetch(`${server.url}/oauth2/token`, form({ ...credentials, refresh_token: refreshToken })));
    await refused(fetch(`${server.url}/oauth2/token`, form({ ...credentials, client_id: refreshToken })));
    await refused(fetch(`${server.url}/oauth2/authorize?client_id=${first.access_token}`));
    await refused(fetch(`${server.url}/v1/me?access_token=${first.access_token}`));
    for (const token of [first.access_token, first.refresh_token, first.id_token]) {
      await refused(fetch(`${server.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } }));
      await refused(fetch(`${server.url}/v1/me`, { headers: { authorization: `Basic ${token}` } }));
    }
    return fourth.access_token;
  }

  function chat(token: string, body: object | string): Promise<Response> {
    return fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  async function useModels(token: string): Promise<void> {
    const messages = [{ role: 'user', content: PROMPT }];
    for (const stream of [false, true]) {
      const answer = await chat(token, { model: 'sandbox-echo', messages, stream });
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('canary');
    }
    await refused(chat(token, `{"model":"sandbox-echo","messages":[{"role":"user","content":"${PROMPT}"`));
    await refused(chat(token, { model: 'sandbox-echo', messages, temperature: 99 }));
    await refused(chat(token, { model: 'sandbox-echo', messages: [{ role: PROMPT, content: PROMPT }] }));
    await refused(chat(token, { model: 'sandbox-echo', messages: PROMPT }));
    await refused(chat(token, { model: 'sandbox-echo', messages, surprise: PROMPT }));
    await refused(chat('not-a-token', { model: 'sandbox-echo', messages }));
  }

  /** Makes an API key, which works and fails in every place that it can stand in, and ends it. */
  async function useApiKey(token: string): Promise<void> {
    const made = await fetch(`${server.url}/v1/me/api-keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'canary', scopes: ['llm.inference'] }),
    });
    expect(made.status).toBe(201);
    const { id, key } = (await made.json()) as { id: string; key: string };
    keep({ apiKey: key });
    const messages = [{ role: 'user', content: PROMPT }];
    expect((await chat(key, { model: 'sandbox-echo', messages })).status).toBe(200);
    await refused(chat(key, { model: 'sandbox-echo', messages, surprise: key }));
    await refused(chat(`${key}x`, { model: 'sandbox-echo', messages }));
    await refused(fetch(`${server.url}/v1/me`, { headers: { 'x-api-key': key } }));
    for (const apiKey of [key, `${key}x`]) {
      const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };
      await refused(
        fetch(`${server.url}/v1/messages`, { method: 'POST', headers, body: JSON.stringify({ messages }) }),
      );
    }
    await refused(fetch(`${server.url}/v1/me?api_key=${key}`));
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${server.url}/v1/me/api-keys/${id}`, { method: 'DELETE', headers })).status).toBe(204);
    await refused(chat(key, { model: 'sandbox-echo', messages }));
  }

  /** An operator registers a program, which shows its secret, a wrong one, and the one from before. */
  async function useClientSecret(): Promise<void> {
    await query(`update users set role = 'admin' where email = '${PERSON.email}'`);
    await query(`update oauth_clients set scopes = scopes || '{admin}' where client_id = 'textassistant-desktop'`);
    await query(`select pg_notify('user_changed', '')`);
    const scope = 'openid admin';
    const { access_token: operator } = await signIn(configuration, new Browser(server.url), PERSON, { scope });
    const admin = async (path: string, body: object, headers: Record<string, string> = {}) => {
      const response = await fetch(`${server.url}/admin/oauth-clients${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ reason: 'canary', ...body }),
      });
      expect(response.ok).toBe(true);
      const { clientSecret } = (await response.json()) as { clientSecret: string };
      return { secret: clientSecret, etag: response.headers.get('etag') ?? '' };
    };
    const first = await admin('', { clientId: 'canary', clientName: 'Canary', kind: 'resource-server', scopes: [] });
    const second = await admin('/canary/rotate-secret', {}, { 'if-match': first.etag });
    keep({ clientSecret: first.secret, nextClientSecret: second.secret });
    const introspect = (secret: string, form: Record<string, string>) =>
      fetch(`${server.url}/oauth2/introspect`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`canary:${secret}`).toString('base64')}` },
        body: new URLSearchParams(form),
      });
    expect((await introspect(second.secret, { token: operator })).status).toBe(200);
    await refused(introspect(first.secret, { token: operator }));
    await refused(introspect(second.secret, {}));
    await refused(introspect(`${second.secret}x`, { token: second.secret, client_secret: second.secret }));
    keep({ operatorToken: operator });
  }

  /** A fault of ours, in the middle of a sign-in and of a charged request, with secrets in hand. */
  async function failInside(token: string): Promise<void> {
    const browser = new Browser(server.url);
    const { url } = await browser.follow((await authorizationRequest(configuration)).address.href);
    await query('alter table users rename to users_gone');
    await query('alter table credit_accounts rename to credit_accounts_gone');
    await refused(browser.postJson(`${url}/login`, { ...PERSON }));
    await refused(browser.postForm(`${url}/register`, { ...PERSON, email: 'new@example.com' }));
    await refused(chat(token, { model: 'sandbox-echo', messages: [{ role: 'user', content: PROMPT }] }));
    await query('alter table users_gone rename to users');
    await query('alter table credit_accounts_gone rename to credit_accounts');
    await query(`alter table users add constraint no_canary check (display_name <> 'Nobody') not valid`);
    await refused(browser.postJson(`${url}/register`, { ...PERSON, email: 'new@example.com', displayName: 'Nobody' }));
  }

  it('was really used, and what happened was logged', async () => {
    // The answer to the last request may overtake the line that was logged before it.
    const lastFault = '"err":{"type":"CheckConstraintViolationException","message":"new row';
    await until(() => server.output().includes(lastFault));
    expect(secrets.size).toBeGreaterThan(18);
    expect(refusals.length).toBeGreaterThan(25);
    const output = server.output();
    for (const line of [
      'POST /oauth2/token 400',
      'POST /v1/chat/completions 200',
      'GET /v1/me 401',
      'request failed',
    ]) {
      expect(output).toContain(line);
    }
    expect(output).toContain(lastFault);
    expect(output).toContain('[query]');
  });

  it('T17, T43 is in nothing that the server printed, but for the link of a mail that it cannot send yet', () => {
    const lines = server
      .output()
      .split('\n')
      .filter((line) => !line.includes('"context":"Mail"'));
    expect(lines.filter((line) => found(line).length > 0)).toEqual([]);
    // A failed insert must not print the row, which has the hash of the password and the address.
    expect(lines.filter((line) => /argon2|new@example\.com/.test(line))).toEqual([]);
  });

  // Seen failing with the whole address, query and all, in the spans.
  it('is in no span that the collector of traces was sent', async () => {
    const hasFailed = (step: string) => (span: CollectedSpan) => span.name === step && 'error.type' in span.attributes;
    await collector.find(hasFailed('admit'));
    await collector.find(hasFailed('reserve'));
    expect(collector.spans.filter(({ name }) => name.startsWith('chat ')).length).toBeGreaterThan(2);
    expect(found(collector.received)).toEqual([]);
  });

  it('T43 is in no refusal', () => {
    const leaks = refusals.filter((refusal) => found(refusal).length > 0);
    expect(leaks).toEqual([]);
  });

  it('T44 is nowhere in the database', async () => {
    const connection = new pg.Client({ connectionString: database.url });
    await connection.connect();
    const { rows: tables } = await connection.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    const leaks: string[] = [];
    for (const { name } of tables) {
      const { rows } = await connection.query<{ text: string }>(`select t::text as text from ${name} t`);
      for (const { text } of rows) if (found(text).length > 0) leaks.push(`${name}: ${text}`);
    }
    await connection.end();
    expect(tables.length).toBeGreaterThan(30);
    expect(leaks).toEqual([]);
  });
});
