import { CatalogueService } from '../../src/models/catalogue.service.js';
import { PlanService } from '../../src/subscription/plan.service.js';
import type { Caller } from '../inference/chat-bench.js';
import { addModel } from '../inference/model-copies.js';
import { AdminConsole } from '../models/admin-console.js';
import { followEvents } from '../support/event-reader.js';
import { until } from '../support/until.js';
import { AnalysisBench, REQUEST, SENTIMENT } from './analysis-bench.js';

/** Tokens of the provider's answer, of which a thousand cost what the model says. */
const USAGE = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
const SUCCESSOR = { creditsPer1kTokens: 7 };

describe('an analysis whose model becomes a legacy one while it waits, on a plan that has the successor called', () => {
  let bench: AnalysisBench;
  let caller: Caller;

  beforeAll(async () => {
    bench = await AnalysisBench.start();
    await execute('update plans set redirect_legacy_models = true');
    bench.chat.server.app.get(PlanService).forget();
    await addModel(bench.chat.server, { id: 'successor', like: 'sandbox-echo', provider: 'openai', meta: SUCCESSOR });
  });
  beforeEach(async () => {
    bench.provider.requests.length = 0;
    caller = await bench.chat.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(() => bench.close());

  const execute = (sql: string, parameters: string[] = []): Promise<unknown> =>
    bench.chat.server.orm.em.getConnection().execute(sql, parameters);

  /** A model in its second version: its successor has had one alone. */
  async function addAged(id: string): Promise<void> {
    await addModel(bench.chat.server, {
      id,
      like: 'sandbox-echo',
      provider: 'openai',
      meta: { creditsPer1kTokens: 2 },
    });
    await execute(
      `insert into model_versions (model_id, version_no, meta, change_reason, created_at)
       select model_id, 2, meta, 'test', created_at from model_versions where model_id = ?`,
      [id],
    );
    await bench.chat.server.app.get(CatalogueService).reload();
  }

  async function makeLegacy(id: string): Promise<void> {
    await execute(
      `update models set is_legacy = true, meta = meta || '{"legacyReplacementModelId":"successor"}' where id = ?`,
      [id],
    );
    await bench.chat.server.app.get(CatalogueService).reload();
  }

  const recover = (): void => bench.provider.behave({ content: JSON.stringify(SENTIMENT), usage: USAGE });

  // Removed once: that the model is fixed; the successor was looked up at a version that it never had, until the deadline.
  it('asks the model that it was held for, at the price of that', async () => {
    await addAged('aged');
    bench.provider.behave({ status: 503 });
    const { id } = (await caller.post('/v1/analyses', { ...REQUEST, model: 'aged' })).body as { id: string };
    const reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
    await until(() => reader.events.some(({ event }) => event === 'retried'));
    await makeLegacy('aged');
    recover();
    await reader.ended;
    expect((await caller.get(`/v1/analyses/${id}`)).body).toMatchObject({
      status: 'completed',
      model: 'aged',
      creditsCharged: '0.240000',
    });
    expect(bench.provider.requests.at(-1)?.body).toMatchObject({ model: 'aged' });
  });

  // Removed once: the model of the new hold from the row that is tried again; the old one was asked for by the version of the new one.
  it('asks the successor where it is held for anew', async () => {
    await addAged('given-up');
    const admin = await AdminConsole.on(bench.chat.server);
    const [sentiment] = (await admin.get('/admin/analysis-kinds/sentiment')).body['data'] as Record<string, unknown>[];
    const { prompt, outputSchema, modelId } = sentiment!;
    const kind = { prompt, outputSchema, modelId, fallback: { strategy: 'none' }, reason: 'For a test' };
    expect((await admin.edit('PUT', '/admin/analysis-kinds/without_rules', kind)).status).toBe(200);
    bench.provider.behave({ status: 503 });
    const deadline = new Date(Date.now() + 4_000).toISOString();
    const request = { ...REQUEST, kind: 'without_rules', model: 'given-up', deadline };
    const { id } = (await caller.post('/v1/analyses', request)).body as { id: string };
    const read = async () => (await caller.get(`/v1/analyses/${id}`)).body;
    await until(async () => (await read())['status'] === 'dead');
    await makeLegacy('given-up');
    recover();
    expect((await admin.post(`/admin/dead-letters/${id}/retry`, { reason: 'It is back' })).status).toBe(200);
    await until(async () => (await read())['status'] === 'completed');
    expect(await read()).toMatchObject({ model: 'successor', creditsCharged: '0.840000' });
  });
});
