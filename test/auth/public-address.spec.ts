import { startTestApp, type TestApp } from '../support/test-app.js';

/** As behind a load balancer that ends TLS: the process itself is reached by plain http and under another name. */
describe('a server with a public https address', () => {
  const PUBLIC_URL = 'https://tollgate.example';
  let server: TestApp;
  beforeAll(async () => {
    server = await startTestApp({ publicUrl: PUBLIC_URL });
  });
  afterAll(() => server.close());

  it('names nothing but that address in its metadata and challenges', async () => {
    const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as object;
    for (const [name, value] of Object.entries(metadata)) {
      if (name === 'issuer' || name.endsWith('_endpoint') || name.endsWith('_uri')) {
        expect({ name, value }).toEqual({ name, value: expect.stringContaining(PUBLIC_URL) });
      }
    }
    const challenge = (await fetch(`${server.url}/v1/me`)).headers.get('www-authenticate');
    expect(challenge).toContain(`resource_metadata="${PUBLIC_URL}/.well-known/oauth-protected-resource"`);
  });

  it('sends its cookies over https only, to itself only', async () => {
    const query = new URLSearchParams({
      client_id: 'textassistant-desktop',
      redirect_uri: 'http://127.0.0.1:5000/callback',
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    const response = await fetch(`${server.url}/oauth2/authorize?${query.toString()}`, { redirect: 'manual' });
    expect(response.status).toBe(303);
    const cookies = response.headers.getSetCookie();
    expect(cookies.length).toBeGreaterThan(1);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; secure/i);
      expect(cookie).toMatch(/; httponly/i);
      expect(cookie).toMatch(/; samesite=lax/i);
    }
  });

  it('answers a client whose grants are not offered with a client error', async () => {
    const response = await fetch(`${server.url}/oauth2/token`, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({
        client_id: 'tollgate-cli',
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: 'unknown',
      }),
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  });
});
