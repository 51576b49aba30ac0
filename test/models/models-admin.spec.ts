import { startTestApp, type TestApp } from '../support/test-app.js';
import { issueToken } from '../support/tokens.js';

describe('GET /admin/models', () => {
  let server: TestApp;

  beforeAll(async () => {
    server = await startTestApp();
  });

  afterAll(() => server.close());

  async function get(query: string, token?: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${server.url}/admin/models${query}`, { headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it('shows operators a page of the catalogue with its filters', async () => {
    const token = await issueToken(server.app, { email: 'support@example.com', role: 'support', scopes: ['admin'] });
    const { status, body } = await get('?tier=pro_max&limit=1', token);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      data: [
        {
          id: 'gemini-2.5-pro',
          name: 'gemini-2.5-pro',
          provider: 'google',
          version: 1,
          meta: { requiredTier: 'pro_max' },
        },
      ],
      nextCursor: expect.any(String),
    });
    const next = await get(`?tier=pro_max&limit=1&cursor=${String(body['nextCursor'])}`, token);
    expect(next.body).toMatchObject({ data: [{ id: 'gpt-5' }], nextCursor: null });
  });

  it('names every filter that is wrong', async () => {
    const token = await issueToken(server.app, { email: 'admin@example.com', role: 'admin', scopes: ['admin'] });
    const { status, body } = await get('?limit=0&tier=gold&colour=red', token);
    expect(status).toBe(400);
    expect((body['errors'] as { field: string }[]).map(({ field }) => field).sort()).toEqual([
      'colour',
      'limit',
      'tier',
    ]);
  });

  it('is closed to users, to tokens without the scope and to strangers', async () => {
    const user = await issueToken(server.app, { email: 'user@example.com', scopes: ['admin'] });
    const scopeless = await issueToken(server.app, {
      email: 'boss@example.com',
      role: 'admin',
      scopes: ['models.read'],
    });
    expect((await get('', user)).status).toBe(403);
    expect((await get('', scopeless)).status).toBe(403);
    expect((await get('')).status).toBe(401);
  });
});
