import type { Answer } from './models/admin-console.js';
import { AdminConsole } from './models/admin-console.js';
import { ensureUser } from './support/tokens.js';

const reason = 'For a test';
const NEXT_YEAR = new Date(Date.now() + 300 * 86_400_000).toISOString();
const PRICES = { 'from-map': { litellm_provider: 'openai', mode: 'chat', input_cost_per_token: 1e-6 } };
/** Written by every request, whatever comes of it. */
const LOGS = ['api_usage', 'system_logs', 'performance_metrics', 'auth_events', 'intake_rates'];

/** What each change says, by its route in the API description; `{id}` and the like are what `made` has for the resource. */
const CHANGES: Readonly<Record<string, object | undefined>> = {
  'PATCH /admin/feature-flags/{key}': { percent: 7 },
  'DELETE /admin/feature-flags/{key}': {},
  'PATCH /admin/oauth-clients/{clientId}': { clientName: 'Other' },
  'POST /admin/oauth-clients/{clientId}/rotate-secret': {},
  'POST /admin/users/{id}/suspend': {},
  'POST /admin/users/{id}/reinstate': {},
  'POST /admin/users/{id}/role': { role: 'support' },
  'POST /admin/users/{id}/factors-reset': {},
  'POST /admin/users/{id}/password-reset': {},
  'POST /admin/users/{id}/delete': {},
  'POST /admin/users/{id}/restore': {},
  'PATCH /admin/app-versions/{id}': { notes: 'Other' },
  'PATCH /admin/feedback/{id}': { state: 'read' },
  'PATCH /admin/models/{id}': { name: 'other' },
  'PUT /admin/models/{id}/meta': { meta: { displayName: 'Other', capabilities: ['text'] } },
  'PATCH /admin/models/{id}/meta': { meta: { displayName: 'Other' } },
  'PUT /admin/models/{id}/tier': { requiredTier: 'pro' },
  'PUT /admin/models/{id}/parameter-constraints/{parameter}': { constraint: { supported: false } },
  'DELETE /admin/models/{id}/parameter-constraints/{parameter}': {},
  'POST /admin/models/{id}/lifecycle': { to: 'unavailable' },
  'POST /admin/models/{id}/versions/{version}/restore': {},
  'POST /admin/imports/models': { models: [] },
  'POST /admin/imports/litellm': { prices: PRICES, creditsPerUsd: 200 },
  'PATCH /admin/plans/{tier}': { displayName: 'Other' },
  'POST /admin/subscriptions/{id}/change-tier': { tier: 'enterprise' },
  'POST /admin/subscriptions/{id}/cancel': {},
  'POST /admin/subscriptions/{id}/resume': {},
  'POST /admin/subscriptions/{id}/suspend': {},
  'POST /admin/subscriptions/{id}/reinstate': {},
  'POST /admin/subscriptions/{id}/past-due': {},
  'POST /admin/subscriptions/{id}/recover': {},
  'POST /admin/subscriptions/{id}/convert-trial': {},
  'POST /admin/subscriptions/{id}/extend': { until: NEXT_YEAR },
  'PATCH /admin/budgets/{id}': { limitCredits: '2' },
  'PATCH /admin/webhook-endpoints/{id}': { isActive: false },
  'PATCH /admin/providers/credentials/{id}': { isActive: false },
  'POST /admin/providers/credentials/{id}/rotate': { apiKey: 'another-key-of-the-provider' },
  'POST /admin/generation-prompts/{mode}': { prompt: 'Other' },
  'POST /admin/generation-prompts/{mode}/{version}/activate': {},
  'PUT /admin/analysis-kinds/{kind}': undefined,
};
/** What a route is told in its query: the reason where it has no body, and that an import is to do what it shows. */
const QUERIES: Readonly<Record<string, string>> = {
  'DELETE /admin/feature-flags/{key}': `?reason=${encodeURIComponent(reason)}`,
  'DELETE /admin/models/{id}/parameter-constraints/{parameter}': `?reason=${encodeURIComponent(reason)}`,
  'POST /admin/imports/models': '?dryRun=false',
  'POST /admin/imports/litellm': '?dryRun=false',
};

/** Every route that changes a resource is asked from no state and from one that is past: nobody overwrites what he has not seen. */
describe('a change from a state that is not the present one', () => {
  let admin: AdminConsole;
  /** The id to put into the address, by the first two parts of the path. */
  const made: Record<string, string> = {};
  let kind: object;

  beforeAll(async () => {
    admin = await AdminConsole.start();
    const userId = await ensureUser(admin.server.app, { email: 'person@example.com' });
    const create = async (collection: string, body: object, id = 'id'): Promise<void> => {
      const answer = await admin.post(collection, { reason, ...body });
      expect(answer).toMatchObject({ status: 201 });
      made[collection] = String(answer.body[id]);
    };
    const redirectUris = ['https://app.example.com/callback'];
    const client = { clientId: 'acme-web', clientName: 'Acme', kind: 'web', redirectUris, scopes: ['openid'] };
    await create('/admin/oauth-clients', client, 'clientId');
    await create('/admin/app-versions', {
      version: '1.0.0',
      platform: 'linux-x64',
      channel: 'stable',
      url: 'https://downloads.example.com/app',
      sha256: 'ab'.repeat(32),
      signature: Buffer.alloc(64, 1).toString('base64'),
    });
    await create('/admin/subscriptions', { userId, tier: 'pro' });
    await create('/admin/budgets', { scope: 'global', period: 'day', limitCredits: '1' });
    await create('/admin/webhook-endpoints', { url: 'https://hooks.example.com/tollgate' });
    await create('/admin/providers/credentials', { provider: 'openai', name: 'main', apiKey: 'a-key-of-the-provider' });
    const feedback = await admin.post('/v1/app/feedback', { category: 'bug', message: 'It is slow' });
    const { body: flags } = await admin.get('/admin/feature-flags');
    Object.assign(made, {
      '/admin/feature-flags': (flags['data'] as { key: string }[])[0]!.key,
      '/admin/users': userId,
      '/admin/feedback': feedback.body['id'],
      '/admin/models': 'sandbox-echo',
      '/admin/plans': 'pro',
      '/admin/generation-prompts': 'creative',
      '/admin/analysis-kinds': 'summary',
    });
    const { body: kinds } = await admin.get('/admin/analysis-kinds/summary');
    const { prompt, outputSchema, modelId, fallback } = (kinds['data'] as Record<string, unknown>[])[0]!;
    kind = { prompt, outputSchema, modelId, fallback };
  });
  afterAll(() => admin.close());

  /** The content of every table, by its name. */
  async function stored(): Promise<Record<string, string>> {
    const em = admin.server.orm.em.fork();
    const tables = await em.execute<{ name: string }[]>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`,
    );
    const content: Record<string, string> = {};
    for (const { name } of tables.filter((table) => !LOGS.includes(table.name))) {
      const [row] = await em.execute<{ hash: string }[]>(
        `select md5(coalesce(string_agg(t::text, E'\\n' order by t::text), '')) as hash from ${name} t`,
      );
      content[name] = row!.hash;
    }
    return content;
  }

  function send(route: string, headers: Record<string, string>): Promise<Answer> {
    const [method = '', path = ''] = route.split(' ');
    const resource = Object.keys(made).find((prefix) => path.startsWith(`${prefix}/`)) ?? '';
    const address = path
      .replace('{version}', '1')
      .replace('{parameter}', 'temperature')
      .replace(/\{\w+\}/, made[resource] ?? '');
    const body = method === 'DELETE' ? undefined : { reason, ...(CHANGES[route] ?? kind) };
    return admin.send(method, `${address}${QUERIES[route] ?? ''}`, body, headers);
  }

  it('is asked of every route whose description has If-Match', async () => {
    const { body } = await admin.get('/openapi.json');
    const paths = body['paths'] as Record<string, Record<string, { responses: object }>>;
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { responses }]) => '412' in responses || '428' in responses)
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.filter((route) => route.includes(' /admin/')).toSorted()).toEqual(Object.keys(CHANGES).toSorted());
  });

  // Removed once: `assertIfMatch` of budgets.
  it.each([
    ['none', {}, '428 if_match_required'],
    ['a past one', { 'if-match': '"past"' }, '412 stale_etag'],
    ['a weak one', { 'if-match': 'W/"past", "older"' }, '412 stale_etag'],
  ])('is refused: %s', async (_state, headers, refusal) => {
    const before = await stored();
    const answers: Record<string, string> = {};
    for (const route of Object.keys(CHANGES)) {
      const { status, body, headers: answered } = await send(route, headers);
      answers[route] = `${status} ${String(body['code'])}${answered.has('etag') ? '' : ' without the present state'}`;
    }
    expect(answers).toEqual(Object.fromEntries(Object.keys(CHANGES).map((route) => [route, refusal])));
    expect(await stored()).toEqual(before);
  });
});
