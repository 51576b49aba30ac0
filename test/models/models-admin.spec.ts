import { META_EXAMPLE, TRIAL_EXAMPLE } from '../../src/models/admin/model-examples.js';
import { AdminConsole, type Answer } from './admin-console.js';

const PLAIN = { ...META_EXAMPLE, requiredTier: undefined, parameterConstraints: undefined };
const NEW = { name: 'upstream-name', provider: 'openai', reason: 'A new model' };

describe('the admin routes of the catalogue', () => {
  let console: AdminConsole;
  beforeAll(async () => {
    console = await AdminConsole.start();
  });
  afterAll(() => console.close());

  function faults({ body }: Answer): string[] {
    return [...new Set((body['errors'] as { field: string }[]).map(({ field }) => field))].sort();
  }

  /** Fails when null passes as left out, or when text is left to PostgreSQL to refuse. */
  it.each([
    ['PATCH', '/admin/models/gpt-4.1', { name: null }, 'name'],
    ['PATCH', '/admin/models/gpt-4.1', { provider: null }, 'provider'],
    ['PATCH', '/admin/models/gpt-4.1', { name: 'a\ud83d' }, 'name'],
    ['PATCH', '/admin/models/gpt-4.1/meta', { meta: { description: 'a\ud83d' } }, 'meta'],
    ['PATCH', '/admin/models/gpt-4.1/meta', { meta: { providerMetadata: { '\ude00': 1 } } }, 'meta'],
  ])('refuse what no model can hold by its field: %s %s %j', async (method, path, body, field) => {
    const answer = await console.edit(method, path, { ...body, reason: 'A mistake' });
    expect(answer.status).toBe(400);
    expect(faults(answer)).toEqual([field]);
  });

  // Removed once: the list, the export and every import were a 500 for one model that a newer version had written.
  it('show and repair a model that this version cannot read, which is not in the catalogue', async () => {
    const meta = { ...PLAIN, requiredTier: 'free' };
    expect((await console.post('/admin/models', { ...NEW, id: 'from-tomorrow', meta })).status).toBe(201);
    const connection = console.server.orm.em.getConnection();
    const smell = `jsonb_set(meta, '{capabilities}', '["text", "smell"]')`;
    await connection.execute(`update models set meta = ${smell} where id = 'from-tomorrow'`);
    await connection.execute(
      `insert into model_versions (model_id, version_no, meta, change_reason, created_at)
       select id, 2, meta, 'By a newer version', now() from models where id = 'from-tomorrow'`,
    );
    const path = '/admin/models/from-tomorrow';
    const reads = [path, `${path}/meta`, `${path}/lifecycle`, `${path}/versions`, `${path}/versions/2/diff`];
    for (const read of ['/admin/models?limit=200', '/admin/exports/models', ...reads]) {
      expect([read, (await console.get(read)).status]).toEqual([read, 200]);
    }
    expect((await console.post('/admin/imports/models', { models: [], reason: 'A look' })).status).toBe(200);
    expect((await console.edit('PATCH', path, { name: 'renamed', reason: 'No new meta' })).status).toBe(200);
    const refused = await console.edit('PATCH', `${path}/meta`, { meta: { description: 'x' }, reason: 'As it is' });
    expect(faults(refused)).toEqual(['meta.capabilities[1]']);
    const repaired = await console.edit('PATCH', `${path}/meta`, {
      meta: { capabilities: ['text'] },
      reason: 'Mended',
    });
    expect(repaired).toMatchObject({ status: 200, body: { version: 3, meta: { capabilities: ['text'] } } });
  });

  describe('the list', () => {
    it('shows operators a page with its filters, support too', async () => {
      const support = await console.as('support');
      const page = await support.get('/admin/models?tier=pro_max&provider=google&limit=1&capability=vision');
      expect(page.status).toBe(200);
      expect(page.body).toMatchObject({
        data: [
          {
            id: 'gemini-2.5-pro',
            provider: 'google',
            lifecycle: 'available',
            version: 1,
            meta: { requiredTier: 'pro_max' },
          },
        ],
      });
      expect((await support.post('/admin/models', { ...NEW, id: 'x', meta: PLAIN })).status).toBe(403);
    });

    it('goes through all models by price, each once, those without a price last', async () => {
      await console.post('/admin/models', {
        ...NEW,
        id: 'no-price',
        lifecycle: 'unavailable',
        meta: { displayName: 'No price', capabilities: ['text'], contextLength: 100, maxOutputTokens: 10 },
      });
      for (const sort of ['price', '-price']) {
        const seen: { id: string; price: number | null }[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const { body } = await console.get(`/admin/models?sort=${sort}&limit=7${cursor && `&cursor=${cursor}`}`);
          for (const { id, meta } of body['data'] as { id: string; meta: typeof META_EXAMPLE }[]) {
            const { input } = (meta as { creditRates?: { input?: number } }).creditRates ?? {};
            seen.push({ id, price: input ?? meta.creditsPer1kTokens ?? null });
          }
          cursor = body['nextCursor'] as string | null;
        }
        const prices = seen.flatMap(({ price }) => price ?? []);
        const ordered = prices.toSorted((a, b) => (sort === 'price' ? a - b : b - a));
        expect(prices).toEqual(ordered);
        expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
        expect(seen.at(-1)).toEqual({ id: 'no-price', price: null });
      }
      const cheap = await console.get('/admin/models?priceMin=0.3&priceMax=0.5&limit=200');
      expect((cheap.body['data'] as { id: string }[]).map(({ id }) => id)).toContain('gpt-5-mini');
      expect((cheap.body['data'] as { id: string }[]).map(({ id }) => id)).not.toContain('gpt-5');
    });

    it('names every filter that is wrong', async () => {
      const answer = await console.get(
        '/admin/models?limit=0&tier=gold&colour=red&priceMin=-1&sort=age&lifecycle=dead',
      );
      expect(answer.status).toBe(400);
      expect(faults(answer)).toEqual(['colour', 'lifecycle', 'limit', 'priceMin', 'sort', 'tier']);
      expect((await console.get('/admin/models?cursor=AAAA')).status).toBe(400);
    });

    it('is closed to users, to tokens without the scope and to strangers', async () => {
      expect((await (await console.as('user')).get('/admin/models')).status).toBe(403);
      expect((await (await console.as('admin', ['models.read'])).get('/admin/models')).status).toBe(403);
      expect((await fetch(`${console.url}/admin/models`)).status).toBe(401);
    });
  });

  describe('a model', () => {
    it('is created with tier pro and reads back pro; without a tier it is free', async () => {
      const created = await console.post('/admin/models', {
        ...NEW,
        id: 'made-pro',
        meta: { ...PLAIN, requiredTier: 'pro' },
      });
      expect(created.status).toBe(201);
      expect(created.headers.get('location')).toBe('/admin/models/made-pro');
      expect(created.body).toMatchObject({
        id: 'made-pro',
        lifecycle: 'available',
        version: 1,
        meta: { requiredTier: 'pro' },
      });
      expect((await console.get('/admin/models/made-pro/tier')).body).toMatchObject({ requiredTier: 'pro' });
      await console.post('/admin/models', { ...NEW, id: 'made-free', meta: PLAIN });
      expect((await console.get('/admin/models/made-free/tier')).body).toEqual({
        requiredTier: 'free',
        tierRestrictionMode: 'minimum',
        allowedTiers: [],
        admits: ['free', 'pro', 'pro_max', 'enterprise'],
      });
      expect((await console.get('/admin/models/made-free')).body['meta']).not.toHaveProperty('requiredTier');
    });

    it('has an id that may hold a slash, and exists once', async () => {
      const draft = { ...NEW, id: 'maker/model:1', meta: PLAIN };
      expect((await console.post('/admin/models', draft)).status).toBe(201);
      expect((await console.get('/admin/models/maker%2Fmodel%3A1')).body).toMatchObject({ id: 'maker/model:1' });
      expect(await console.post('/admin/models', draft)).toMatchObject({ status: 409, body: { code: 'model_exists' } });
      expect(await console.get('/admin/models/nobody')).toMatchObject({
        status: 404,
        body: { code: 'model_not_found' },
      });
    });

    it('is refused whole with the path of every fault', async () => {
      const answer = await console.post('/admin/models', {
        id: 'has spaces',
        name: ' ',
        provider: 'openai',
        reason: 'why',
        meta: {
          ...PLAIN,
          creditsPer1kTokens: -1,
          colour: 'red',
          parameterConstraints: { temperature: { supported: 'yes' } },
        },
      });
      expect(answer.status).toBe(400);
      expect(faults(answer)).toEqual([
        'id',
        'meta.colour',
        'meta.creditsPer1kTokens',
        'meta.parameterConstraints.temperature.supported',
        'name',
      ]);
      const bare = await console.post('/admin/models', { id: 'x', colour: 'red' });
      expect(faults(bare)).toEqual(['colour', 'meta', 'name', 'provider', 'reason']);
    });

    it.each([
      ['a missing price', { creditsPer1kTokens: undefined }, 'meta.creditsPer1kTokens'],
      ['a negative price', { inputCostPerMillionTokens: -1 }, 'meta.inputCostPerMillionTokens'],
      ['a successor that does not exist', { legacyReplacementModelId: 'nobody' }, 'meta.legacyReplacementModelId'],
      ['itself as successor', { legacyReplacementModelId: 'refused' }, 'meta.legacyReplacementModelId'],
      ['a name that is taken', { aliases: ['gpt-5'] }, 'meta.aliases[0]'],
      [
        'a default outside its range',
        { parameterConstraints: { top_p: { supported: true, max: 1, default: 2 } } },
        'meta.parameterConstraints.top_p.default',
      ],
      [
        'a renaming to an unknown name',
        { parameterConstraints: { max_tokens: { supported: true, alternativeName: 'most_tokens' } } },
        'meta.parameterConstraints.max_tokens.alternativeName',
      ],
      [
        'a parameter that nobody knows',
        { parameterConstraints: { warmth: { supported: true } } },
        'meta.parameterConstraints.warmth',
      ],
    ])('is refused for %s', async (_name, change, field) => {
      const answer = await console.post('/admin/models', { ...NEW, id: 'refused', meta: { ...PLAIN, ...change } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(faults(answer)).toEqual([field]);
    });

    it('gets another name for its provider, which the audit trail tells', async () => {
      await console.post('/admin/models', { ...NEW, id: 'renamed', meta: PLAIN });
      const answer = await console.edit('PATCH', '/admin/models/renamed', { name: 'other-name', reason: 'Moved' });
      expect(answer).toMatchObject({ status: 200, body: { name: 'other-name', provider: 'openai', version: 1 } });
      const { body } = await console.get('/admin/model-tier-audit-logs?modelId=renamed');
      expect(body['data']).toEqual([
        expect.objectContaining({
          modelId: 'renamed',
          reason: 'Moved',
          actorId: console.userId,
          ip: expect.stringMatching(/127\.0\.0\.1|::1/),
          changes: [{ path: 'name', before: 'upstream-name', after: 'other-name' }],
        }),
      ]);
    });
  });

  describe('the meta', () => {
    it('is replaced or patched only from the state that was read', async () => {
      await console.post('/admin/models', { ...NEW, id: 'edited', meta: PLAIN });
      const path = '/admin/models/edited/meta';
      const read = await console.get(path);
      const etag = read.headers.get('etag')!;
      const change = { meta: { creditsPer1kTokens: 3 }, reason: 'Dearer' };
      expect(await console.send('PATCH', path, change)).toMatchObject({
        status: 428,
        body: { code: 'if_match_required', etag },
      });
      expect((await console.send('PATCH', path, change, { 'if-match': `W/${etag}` })).status).toBe(412);
      const changed = await console.send('PATCH', path, change, { 'if-match': etag });
      expect(changed).toMatchObject({
        status: 200,
        body: { version: 2, meta: { creditsPer1kTokens: 3, contextLength: 128_000 } },
      });
      const stale = await console.send('PUT', path, { meta: PLAIN, reason: 'Back' }, { 'if-match': etag });
      expect(stale).toMatchObject({ status: 412, body: { code: 'stale_etag', etag: changed.headers.get('etag') } });
      const removed = await console.edit('PATCH', path, { meta: { description: null }, reason: 'Shorter' });
      expect(removed.body['meta']).not.toHaveProperty('description');
    });

    it('is saved once when two operators read the same state', async () => {
      await console.post('/admin/models', { ...NEW, id: 'raced-meta', meta: PLAIN });
      const etag = (await console.get('/admin/models/raced-meta')).headers.get('etag')!;
      const edits = Array.from({ length: 5 }, (_, index) =>
        console.send(
          'PATCH',
          '/admin/models/raced-meta/meta',
          { meta: { creditsPer1kTokens: index + 1 }, reason: 'A race' },
          { 'if-match': etag },
        ),
      );
      const statuses = (await Promise.all(edits)).map(({ status }) => status).toSorted((a, b) => a - b);
      expect(statuses).toEqual([200, 412, 412, 412, 412]);
    });

    it('may not make two models each other’s successor', async () => {
      await console.post('/admin/models', { ...NEW, id: 'circle-a', meta: PLAIN });
      await console.post('/admin/models', {
        ...NEW,
        id: 'circle-b',
        meta: { ...PLAIN, legacyReplacementModelId: 'circle-a' },
      });
      const answer = await console.edit('PATCH', '/admin/models/circle-a/meta', {
        meta: { legacyReplacementModelId: 'circle-b' },
        reason: 'A mistake',
      });
      expect(answer.status).toBe(400);
      expect(answer.body['detail']).toContain('leads in a circle: circle-a to circle-b to circle-a');
    });
  });

  describe('the tier rule', () => {
    it.each([
      [{ requiredTier: 'pro' }, ['pro', 'pro_max', 'enterprise']],
      [{ requiredTier: 'pro', tierRestrictionMode: 'exact' }, ['pro']],
      [{ tierRestrictionMode: 'whitelist', allowedTiers: ['free', 'enterprise'] }, ['free', 'enterprise']],
      [{}, ['free', 'pro', 'pro_max', 'enterprise']],
    ])('%j admits %j', async (rule, admits) => {
      await console.post('/admin/models', { ...NEW, id: 'ruled', meta: PLAIN });
      const answer = await console.edit('PUT', '/admin/models/ruled/tier', { ...rule, reason: 'A new rule' });
      expect(answer).toMatchObject({ status: 200, body: { admits } });
    });

    it('is refused where it makes no sense, with the way out', async () => {
      const whitelist = await console.edit('PUT', '/admin/models/ruled/tier', {
        tierRestrictionMode: 'whitelist',
        reason: 'No tier',
      });
      expect(faults(whitelist)).toEqual(['meta.allowedTiers']);
      const exact = await console.edit('PUT', '/admin/models/ruled/tier', {
        tierRestrictionMode: 'exact',
        reason: 'No tier',
      });
      expect(faults(exact)).toEqual(['meta.requiredTier']);
    });
  });

  describe('a single constraint', () => {
    const path = '/admin/models/constrained/parameter-constraints';
    beforeAll(() => console.post('/admin/models', { ...NEW, id: 'constrained', meta: META_EXAMPLE }));

    it('is read, set and removed', async () => {
      expect((await console.get(`${path}/stop`)).body).toEqual({
        parameter: 'stop',
        constraint: { supported: true, maxItems: 4 },
      });
      const set = await console.edit('PUT', `${path}/top_k`, {
        constraint: { supported: true, min: 1 },
        reason: 'Offered now',
      });
      expect(set).toMatchObject({ status: 200, body: { parameter: 'top_k', constraint: { supported: true, min: 1 } } });
      expect((await console.get(path)).body['parameterConstraints']).toHaveProperty('top_k');
      const removed = await console.edit('DELETE', `${path}/top_k?reason=Not%20any%20more`);
      expect(removed.status).toBe(204);
      expect(await console.get(`${path}/top_k`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect((await console.get('/admin/models/constrained')).headers.get('etag')).toBe(removed.headers.get('etag'));
    });

    it('is refused with its path where it contradicts itself, and by name where nobody knows it', async () => {
      const range = await console.edit('PUT', `${path}/temperature`, {
        constraint: { supported: true, min: 2, max: 1 },
        reason: 'Wrong',
      });
      expect(faults(range)).toEqual(['meta.parameterConstraints.temperature.min']);
      const unknown = await console.edit('PUT', `${path}/warmth`, { constraint: { supported: true }, reason: 'Wrong' });
      expect(faults(unknown)).toEqual(['parameter']);
      expect((await console.edit('DELETE', `${path}/stop`)).status).toBe(400);
    });

    it('is explained when it is tried', async () => {
      const { status, body } = await console.post(`${path}/test`, {
        parameters: { ...TRIAL_EXAMPLE, stop: ['a'], top_p: null },
      });
      expect(status).toBe(200);
      expect(body).toMatchObject({ wouldPass: false, sent: { n: 1, stop: ['a'] } });
      expect(body['decisions']).toMatchObject([
        {
          parameter: 'temperature',
          requested: 0.2,
          outcome: 'refused',
          violations: [{ rule: 'allowed_values', suggestion: expect.any(String) }],
        },
        { parameter: 'max_tokens', requested: 9000, outcome: 'refused', violations: [{ rule: 'range' }] },
        { parameter: 'n', outcome: 'passed', sent: 1 },
        { parameter: 'stop', outcome: 'passed' },
        { parameter: 'top_p', outcome: 'ignored' },
      ]);
      const accepted = await console.post(`${path}/test`, { parameters: { max_tokens: 50 } });
      expect(accepted.body).toMatchObject({
        wouldPass: true,
        decisions: [{ parameter: 'max_tokens', outcome: 'renamed', sentAs: 'max_completion_tokens', sent: 50 }],
        applied: 'max_tokens=renamed;to="max_completion_tokens"',
        outputLimit: { parameter: 'max_completion_tokens', tokens: 50 },
      });
      const empty = await console.post(`${path}/test`, { parameters: {} });
      expect(empty.body['decisions']).toMatchObject([
        { parameter: 'max_completion_tokens', outcome: 'defaulted', sent: 1000 },
      ]);
    });

    it('is tried as a draft before it is saved', async () => {
      const draft = { temperature: { supported: true, min: 0, max: 0.5, onViolation: 'clamp' } };
      const tried = await console.post(`${path}/test`, {
        parameters: { temperature: 0.9 },
        parameterConstraints: draft,
      });
      expect(tried.body).toMatchObject({
        wouldPass: true,
        decisions: [{ outcome: 'clamped', sent: 0.5 }, { outcome: 'defaulted' }],
      });
      const broken = await console.post(`${path}/test`, {
        parameters: {},
        parameterConstraints: { seed: { supported: true, min: 5, max: 1 } },
      });
      expect(faults(broken)).toEqual(['parameterConstraints.seed.min']);
    });
  });

  describe('the history', () => {
    it('tells who changed what and why, and what differed', async () => {
      await console.post('/admin/models', { ...NEW, id: 'storied', meta: PLAIN });
      await console.edit('PATCH', '/admin/models/storied/meta', { meta: { creditsPer1kTokens: 1 }, reason: 'Dearer' });
      await console.edit('PATCH', '/admin/models/storied/meta', { meta: { description: null }, reason: 'Shorter' });
      const { body } = await console.get('/admin/models/storied/versions?limit=2');
      expect(body['data']).toMatchObject([
        { version: 3, changedBy: console.userId, reason: 'Shorter' },
        { version: 2, changedBy: console.userId, reason: 'Dearer' },
      ]);
      const rest = await console.get(`/admin/models/storied/versions?limit=2&cursor=${String(body['nextCursor'])}`);
      expect(rest.body).toMatchObject({ data: [{ version: 1, reason: 'A new model' }], nextCursor: null });
      expect((await console.get('/admin/models/storied/versions/2/diff')).body).toEqual({
        from: 1,
        to: 2,
        changes: [{ path: 'creditsPer1kTokens', before: 0.4, after: 1 }],
      });
      expect((await console.get('/admin/models/storied/versions/3/diff?with=1')).body['changes']).toEqual([
        { path: 'description', before: PLAIN.description },
        { path: 'creditsPer1kTokens', before: 0.4, after: 1 },
      ]);
    });

    it('brings an earlier meta back as a new version', async () => {
      const path = '/admin/models/storied/versions/1/restore';
      expect((await console.send('POST', path, { reason: 'Back' })).status).toBe(428);
      const restored = await console.edit('POST', path, { reason: 'Back to the first' });
      expect(restored).toMatchObject({ status: 200, body: { version: 4, meta: { creditsPer1kTokens: 0.4 } } });
      expect((await console.get('/admin/models/storied/versions/4/diff?with=1')).body['changes']).toEqual([]);
    });

    it('knows no version that was never written', async () => {
      for (const version of ['9', '0', 'x', '99999999999999']) {
        const { status } = await console.get(`/admin/models/storied/versions/${version}`);
        expect(status).toBe(version === '9' ? 404 : 400);
      }
    });
  });
});
