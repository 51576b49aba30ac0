import { ChatBench, HELLO, type Caller } from '../inference/chat-bench.js';
import { AdminConsole } from '../models/admin-console.js';
import { dataUri, png } from '../support/images.js';

/** 85 + 170 for each of 4 tiles. */
const TOKENS_OF_1024 = 765;

describe('what operators see of the use of models', () => {
  let bench: ChatBench;
  let admin: AdminConsole;
  let free: Caller;
  let rich: Caller;
  beforeAll(async () => {
    bench = await ChatBench.start();
    admin = await AdminConsole.on(bench.server);
    await bench.server.orm.em
      .getConnection()
      .execute(`update plans set redirect_legacy_models = true where tier = 'enterprise'`);
    [free, rich] = [await bench.caller(), await bench.caller('enterprise')];
  });
  afterAll(() => bench.close());

  it('vision by model, tier and day, expected beside reported', async () => {
    const url = dataUri('image/png', png(1_024, 1_024));
    const part = { type: 'image_url', image_url: { url } };
    const chat = { model: 'sandbox-vision', max_tokens: 10, messages: [{ role: 'user', content: [part, part] }] };
    const charged = await free.chat(chat);
    await free.chat({ ...chat, messages: [{ role: 'user', content: [part] }] });
    await rich.chat(chat);
    await rich.chat(HELLO);
    const { body } = await admin.get('/admin/usage/vision?groupBy=model,tier,day');
    const day = new Date().toISOString().slice(0, 10);
    expect(body['data']).toMatchObject([
      { model: 'sandbox-vision', tier: 'enterprise', day, requests: 1, images: 2, imageTokens: 2 * TOKENS_OF_1024 },
      {
        model: 'sandbox-vision',
        tier: 'free',
        day,
        requests: 2,
        images: 3,
        imageTokens: 3 * TOKENS_OF_1024,
        expectedImageTokens: 3 * TOKENS_OF_1024,
        reportedPerExpected: 1,
        cost: { amount: '0.000000000', currency: 'USD' },
      },
    ]);
    const [, line] = body['data'] as { credits: string }[];
    expect(Number(line!.credits)).toBeGreaterThan(Number(charged.headers.get('x-credits-charged')));
    const total = await admin.get('/admin/usage/vision');
    expect(total.body).toMatchObject({
      groupBy: ['model'],
      data: [{ model: 'sandbox-vision', requests: 3, images: 5 }],
    });
    expect((await admin.get('/admin/usage/vision?groupBy=user')).status).toBe(400);
    expect((await admin.get('/admin/usage/vision?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z')).status).toBe(400);
  });

  it('reads vision by the index that holds only rows with images', async () => {
    const connection = bench.server.orm.em.getConnection();
    const plan = await connection.transactional(async (transaction) => {
      await connection.execute('set local enable_seqscan = off', [], 'run', transaction);
      const { visionSql } = await import('../../src/usage/model-usage.queries.js');
      const rows = await connection.execute<Record<string, string>[]>(
        `explain ${visionSql(['model'])}`,
        [new Date(0), new Date(), 10],
        'all',
        transaction,
      );
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(plan).toMatch(/image_count/);
  });

  it('who still asks for legacy models, redirected requests too', async () => {
    const meta = {
      displayName: 'Old',
      capabilities: ['text', 'chat'],
      contextLength: 10_000,
      maxOutputTokens: 1_000,
      inputCostPerMillionTokens: 0,
      outputCostPerMillionTokens: 0,
      creditsPer1kTokens: 1,
      legacyReplacementModelId: 'sandbox-echo',
      sunsetDate: '2999-01-01',
    };
    await admin.post('/admin/models', { id: 'old', name: 'old', provider: 'sandbox', meta, reason: 'For a test' });
    await admin.edit('POST', '/admin/models/old/lifecycle', { to: 'legacy', reason: 'For a test' });
    for (const caller of [free, free, rich]) expect((await caller.chat({ ...HELLO, model: 'old' })).status).toBe(200);
    const first = await admin.get('/admin/usage/legacy-models?modelId=old&limit=1');
    const second = await admin.get(
      `/admin/usage/legacy-models?modelId=old&limit=1&cursor=${String(first.body['nextCursor'])}`,
    );
    const common = {
      modelId: 'old',
      lifecycle: 'legacy',
      replacementModelId: 'sandbox-echo',
      sunsetDate: '2999-01-01',
    };
    expect([first.body['data'], second.body['data']]).toMatchObject([
      [{ ...common, calledModelId: 'old', userId: free.userId, requests: 2 }],
      [{ ...common, calledModelId: 'sandbox-echo', userId: rich.userId, requests: 1 }],
    ]);
    expect(second.body['nextCursor']).toBeNull();
    expect((await admin.get('/admin/usage/legacy-models?cursor=eA')).status).toBe(400);
    expect((await (await admin.as('user')).get('/admin/usage/legacy-models')).status).toBe(403);
  });
});
