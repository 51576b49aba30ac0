import { AdminConsole, type Answer } from './admin-console.js';

interface Entry {
  id: string;
  lifecycle?: string;
  meta: Record<string, unknown>;
  [member: string]: unknown;
}

const META = { displayName: 'Imported', capabilities: ['text'], contextLength: 1_000, maxOutputTokens: 100 };
const PRICE = { inputCostPerMillionTokens: 1_000, outputCostPerMillionTokens: 2_000, creditsPer1kTokens: 1 };

describe('the catalogue as a document', () => {
  let console: AdminConsole;
  beforeAll(async () => {
    console = await AdminConsole.start();
  });
  afterAll(() => console.close());

  async function exported(): Promise<{ models: Entry[]; etag: string }> {
    const { body, headers } = await console.get('/admin/exports/models');
    return { models: body['models'] as Entry[], etag: headers.get('etag')! };
  }

  const preview = (models: unknown[]) => console.post('/admin/imports/models', { models, reason: 'A new list' });

  function apply(models: unknown[], etag?: string): Promise<Answer> {
    const headers: Record<string, string> = etag === undefined ? {} : { 'if-match': etag };
    return console.send('POST', '/admin/imports/models?dryRun=false', { models, reason: 'A new list' }, headers);
  }

  const entry = (id: string, meta: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => ({
    id,
    name: id,
    provider: 'openai',
    meta: { ...META, ...PRICE, ...meta },
    ...more,
  });

  it('goes out and in again without a change', async () => {
    const { models, etag } = await exported();
    expect(models.length).toBeGreaterThan(15);
    const shown = await preview(models);
    expect(shown.body).toMatchObject({
      dryRun: true,
      summary: { create: 0, update: 0, unchanged: models.length, refused: 0 },
    });
    expect(shown.headers.get('etag')).toBe(etag);
    const applied = await apply(models, etag);
    expect(applied.body).toMatchObject({ dryRun: false, summary: { unchanged: models.length } });
    expect((await exported()).etag).toBe(etag);
  });

  it('shows every change before it makes it, and then makes exactly those', async () => {
    const { models } = await exported();
    const gpt = models.find(({ id }) => id === 'gpt-5-mini')!;
    const document = [
      { ...gpt, meta: { ...gpt.meta, creditsPer1kTokens: 9 } },
      entry('new-one', { legacyReplacementModelId: 'new-two' }),
      entry('new-two', {}, { lifecycle: 'unavailable' }),
    ];
    const shown = await preview(document);
    expect(shown.body).toMatchObject({
      summary: { create: 2, update: 1, unchanged: 0, refused: 0 },
      changes: [
        { id: 'gpt-5-mini', action: 'update', changes: [{ path: 'meta.creditsPer1kTokens', before: 0.4, after: 9 }] },
        { id: 'new-one', action: 'create' },
        { id: 'new-two', action: 'create' },
      ],
    });
    expect((await console.get('/admin/models/new-one')).status).toBe(404);
    expect((await apply(document)).status).toBe(428);
    expect((await apply(document, shown.headers.get('etag')!)).status).toBe(200);
    expect((await console.get('/admin/models/new-two')).body).toMatchObject({ lifecycle: 'unavailable', version: 1 });
    expect((await console.get('/admin/models/gpt-5-mini')).body).toMatchObject({
      version: 2,
      meta: { creditsPer1kTokens: 9 },
    });
  });

  it('is not written when something changed since the preview', async () => {
    const shown = await preview([entry('late')]);
    await console.post('/admin/models', { ...entry('meanwhile'), reason: 'Faster' });
    const late = await apply([entry('late')], shown.headers.get('etag')!);
    expect(late).toMatchObject({ status: 412, body: { code: 'stale_etag' } });
    expect((await console.get('/admin/models/late')).status).toBe(404);
  });

  it('is written whole or not at all, and names every entry at fault', async () => {
    const { etag } = await exported();
    const document = [
      entry('fine'),
      entry('fine'),
      entry('no price', { creditsPer1kTokens: undefined }),
      entry('taken', { aliases: ['gpt-5'] }),
      entry('circle-1', { legacyReplacementModelId: 'circle-2' }),
      entry('circle-2', { legacyReplacementModelId: 'circle-1' }),
      entry('gpt-5', {}, { lifecycle: 'archived' }),
    ];
    const shown = await preview(document);
    expect(shown.body['summary']).toEqual({ create: 1, update: 0, unchanged: 0, refused: 6 });
    const refused = await apply(document, etag);
    expect(refused.status).toBe(400);
    expect((refused.body['errors'] as { field: string }[]).map(({ field }) => field)).toEqual([
      'models[1].id',
      'models[2].id',
      'models[2].meta.creditsPer1kTokens',
      'models[3].meta.aliases[0]',
      'models[4].meta.legacyReplacementModelId',
      'models[5].meta.legacyReplacementModelId',
      'models[6].id',
      'models[6].lifecycle',
    ]);
    expect((await console.get('/admin/models/fine')).status).toBe(404);
  });

  // Removed once: a step of a model's life that is refused by itself was taken by a document.
  it('takes no step of a model’s life that stands against what users were told, or against other models', async () => {
    const promised = { legacyReplacementModelId: 'step-to', sunsetDate: '2999-12-31' };
    const legacy = [
      entry('step-from', promised, { lifecycle: 'legacy' }),
      entry('step-to', {}, { lifecycle: 'legacy' }),
      entry('step-free', {}, { lifecycle: 'unavailable' }),
    ];
    expect((await apply(legacy, (await exported()).etag)).status).toBe(200);
    const faultsOf = async (models: unknown[]) => {
      const changes = (await preview(models)).body['changes'] as { errors: { field: string; message: string }[] }[];
      return changes.map(({ errors }) => errors.map(({ field, message }) => `${field} ${message}`).join('; '));
    };
    const archived = { lifecycle: 'archived' };
    expect(await faultsOf([entry('step-from', promised, archived), entry('step-to', {}, archived)])).toEqual([
      expect.stringMatching(/^models\[0\]\.lifecycle Users were told 2999-12-31/),
      '',
    ]);
    expect(await faultsOf([entry('step-to', {}, archived)])).toEqual([
      expect.stringMatching(/^models\[0\]\.lifecycle step-from name it as their successor/),
    ]);
    const unpriced = { id: 'step-free', name: 'x', provider: 'openai', meta: META, lifecycle: 'available' };
    expect(await faultsOf([unpriced])).toEqual([expect.stringMatching(/^models\[0\]\.lifecycle .* no complete price/)]);
    const free = entry('step-from', { legacyReplacementModelId: undefined }, archived);
    expect(await faultsOf([free, entry('step-to', {}, archived)])).toEqual(['', '']);
  });

  it('is refused where it is no document', async () => {
    const answer = await preview([{ id: 5, colour: 'red' }]);
    expect((answer.body['errors'] as { field: string }[]).map(({ field }) => field).sort()).toEqual([
      'models.0.colour',
      'models.0.id',
      'models.0.meta',
      'models.0.name',
      'models.0.provider',
    ]);
    expect((await preview(Array.from({ length: 1_001 }, (_, index) => entry(`many-${index}`)))).status).toBe(400);
  });

  it('takes hundreds of models in one transaction', async () => {
    const { etag } = await exported();
    const many = Array.from({ length: 500 }, (_, index) => entry(`bulk-${index}`));
    expect((await apply(many, etag)).body).toMatchObject({ summary: { create: 500 } });
    expect((await console.get('/admin/models/bulk-499')).body).toMatchObject({ version: 1 });
  });

  it('can be LiteLLM’s price map', async () => {
    const prices = {
      'new-from-map': {
        litellm_provider: 'openai',
        mode: 'chat',
        max_input_tokens: 128_000,
        max_output_tokens: 16_384,
        input_cost_per_token: 2.5e-7,
        output_cost_per_token: 2e-6,
      },
      picture: { mode: 'image_generation' },
    };
    const body = { prices, creditsPerUsd: 200, reason: 'Prices of today' };
    const shown = await console.post('/admin/imports/litellm', body);
    expect(shown.body).toMatchObject({
      dryRun: true,
      summary: { create: 1 },
      skipped: [{ id: 'picture', reason: expect.stringContaining('mode') }],
    });
    const etag = shown.headers.get('etag')!;
    const applied = await console.send('POST', '/admin/imports/litellm?dryRun=false', body, { 'if-match': etag });
    expect(applied.status).toBe(200);
    expect((await console.get('/admin/models/new-from-map')).body).toMatchObject({
      meta: { inputCostPerMillionTokens: 250, creditRates: { input: 0.05, output: 0.4 } },
    });
  });
});
