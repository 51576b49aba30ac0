import { connect } from 'node:net';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { issueToken } from '../support/tokens.js';

interface Answer {
  status: number;
  headers: string;
  body: Record<string, unknown>;
}

describe('a request that cannot be taken', () => {
  let server: TestApp;
  let authorization: string;
  beforeAll(async () => {
    server = await startTestApp();
    const scopes = ['llm.inference', 'models.read', 'user.info', 'admin'] as const;
    authorization = `Bearer ${await issueToken(server.app, { email: 'ada@example.com', scopes, role: 'admin' })}`;
  });
  afterAll(() => server.close());

  /** Bytes as they are, because `fetch` would mend them. */
  function send(bytes: string): Promise<Answer> {
    const { hostname, port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => {
        const [headers = '', body = ''] = text.split('\r\n\r\n');
        resolve({ status: Number(headers.split(' ')[1]), headers: headers.toLowerCase(), body: JSON.parse(body) });
      });
    });
  }
  const get = (path: string, header = `Authorization: ${authorization}`) =>
    send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${header}\r\n\r\n`);

  /** Whether the answer is a problem of this status and code, with the same request id in header and body. */
  const isProblem = ({ status, headers, body }: Answer, expected: number, code: string) =>
    status === expected &&
    body['status'] === expected &&
    body['code'] === code &&
    headers.includes('content-type: application/problem+json') &&
    headers.includes(`x-request-id: ${String(body['requestId'])}`);

  it('is answered in our own envelope when it is not HTTP', async () => {
    expect(isProblem(await send('NONSENSE\r\n\r\n'), 400, 'invalid_request')).toBe(true);
  });

  it('is answered in our own envelope when its headers are too long, together or one alone', async () => {
    expect(isProblem(await get('/v1/me', 'X-Filler: 0123456789\r\n'.repeat(1_000)), 431, 'headers_too_large')).toBe(
      true,
    );
    expect(isProblem(await get('/v1/me', `X-Filler: ${'x'.repeat(9_000)}`), 431, 'headers_too_large')).toBe(true);
  });

  it('is answered in the envelope of its route when its address cannot be decoded', async () => {
    expect(isProblem(await get('/v1/usage/%ff'), 400, 'invalid_request')).toBe(true);
    const { status, body, headers } = await get('/v1/models/%ff');
    expect({ status, body }).toMatchObject({ status: 400, body: { error: { code: 'invalid_request' } } });
    expect(headers).toContain('x-request-id: ');
  });

  it('finds no model of a long name, and refuses one that is longer than any', async () => {
    expect((await get(`/v1/models/${'x'.repeat(300)}`)).status).toBe(404);
    expect((await get(`/v1/models/${'x'.repeat(600)}`)).status).toBe(400);
  });

  it('is refused when it holds a NUL character, which the database cannot store', async () => {
    expect(isProblem(await get('/admin/users?email=%00'), 400, 'invalid_request')).toBe(true);
    expect(
      isProblem(await get('/oauth2/authorize?client_id=textassistant-desktop&state=%00'), 400, 'invalid_request'),
    ).toBe(true);
    const push = (changes: Record<string, string>) =>
      fetch(`${server.url}/oauth2/par`, {
        method: 'POST',
        body: new URLSearchParams({
          client_id: 'textassistant-desktop',
          redirect_uri: 'http://127.0.0.1:5000/callback',
          response_type: 'code',
          scope: 'openid',
          code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
          code_challenge_method: 'S256',
          ...changes,
        }),
      });
    expect((await push({ client_id: '\0' })).status).toBe(401);
    const { request_uri } = (await (await push({ state: 'a\0b' })).json()) as { request_uri: string };
    const query = new URLSearchParams({ client_id: 'textassistant-desktop', request_uri });
    const authorization = await fetch(`${server.url}/oauth2/authorize?${query.toString()}`, { redirect: 'manual' });
    expect(authorization.headers.get('location')).toContain('error=invalid_request');
  });

  it('is refused with the name of the field that holds a NUL character', async () => {
    const response = await fetch(`${server.url}/admin/credits/grants`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': 'one' },
      body: JSON.stringify({ userId: '01a20232-52c1-70e2-b635-aec61585275a', amount: '1', reason: 'a\0b' }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', errors: [{ field: 'reason' }] });
  });

  it('is told that a page size is no number, not that it is too large', async () => {
    const { body } = await get('/admin/users?limit=many');
    expect(body['errors']).toEqual([{ field: 'limit', message: 'must be an integer number' }]);
  });

  it('is told what to send where it has no credentials, and what a route needs of its model', async () => {
    expect((await get('/v1/me', 'Accept: */*')).body['detail']).toMatch(/^Send an access token or an API key as /);
    const response = await fetch(`${server.url}/v1/embeddings`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sandbox-echo', input: 'Hello' }),
    });
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toMatch(/lacks the capability embedding, which this route needs/);
  });

  it('names the fields that there are beside one that there is not', async () => {
    const { body } = await get('/admin/users?mail=person@example.com');
    expect(body['errors']).toEqual([
      { field: 'mail', message: 'is not known here; known are cursor, deleted, email, limit' },
    ]);
  });

  it('tells a hundred faults, and no more', async () => {
    const response = await fetch(`${server.url}/admin/budgets`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, 1]))),
    });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { errors: object[] }).errors).toHaveLength(100);
  });

  it('tells of a field that is missing that it is', async () => {
    const response = await fetch(`${server.url}/admin/budgets`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ scope: 'everybody', reason: 'a ceiling' }),
    });
    expect(((await response.json()) as { errors: object[] }).errors).toEqual([
      { field: 'scope', message: 'must be one of the following values: global, tier, user, model' },
      { field: 'period', message: 'is required: must be one of the following values: day, month' },
    ]);
  });

  it('tells of a field of the wrong type that it is, not how long it may be', async () => {
    const response = await fetch(`${server.url}/admin/budgets`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({
        scope: 'global',
        period: 'day',
        thresholds: 50,
        alertEmails: 'ops@example.com',
        reason: 5,
      }),
    });
    const { errors } = (await response.json()) as { errors: { field: string; message: string }[] };
    expect(Object.fromEntries(errors.map(({ field, message }) => [field, message]))).toEqual({
      thresholds: 'must be an array',
      alertEmails: 'must be an array',
      reason: 'must be a string',
    });
  });

  it('names the path parameter that is no id or no member of its list', async () => {
    const id = await get('/admin/users/ann');
    expect(id.body).toMatchObject({ status: 400, errors: [{ field: 'id', message: 'must be a UUID' }] });
    const mode = await get('/admin/generation-prompts/loud');
    const modes = 'must be one of creative, professional, brandable, tech-focused';
    expect(mode.body).toMatchObject({ status: 400, errors: [{ field: 'mode', message: modes }] });
  });

  it('is refused by its media type when it is a form for a route that takes JSON', async () => {
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ model: 'sandbox-echo' }),
    });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ error: { code: 'unsupported_media_type' } });
  });

  it('is told the limit that its body is beyond', async () => {
    const response = await fetch(`${server.url}/admin/credits/grants`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'x'.repeat(70_000) }),
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: 'body_too_large', limitBytes: 65_536 });
  });

  it('gets a challenge that can be parsed: no quotes inside of quotes', async () => {
    const response = await fetch(`${server.url}/v1/me`, { headers: { authorization: 'Basic YTpi' } });
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer (\w+="[^"\\]*"(, )?)+$/);
  });

  it('from a page of another site is allowed nothing', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    for (const path of ['/oauth2/token', '/oauth2/userinfo', '/oauth2/revoke', '/v1/me']) {
      for (const method of ['OPTIONS', 'POST']) {
        const response = await fetch(server.url + path, { method, headers });
        expect({ path, method, allowed: response.headers.get('access-control-allow-origin') }).toEqual({
          path,
          method,
          allowed: null,
        });
      }
    }
  });

  it.each(['/v1/me', '/docs/', '/nowhere', '/oauth2/authorize', '/interaction/x'])(
    'or any other answer, as of %s, cannot be framed or sniffed',
    async (path) => {
      const { headers } = await fetch(server.url + path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    },
  );
});
