import { AdminConsole } from '../models/admin-console.js';
import { AnalysisProgress } from '../../src/analysis/analysis-progress.service.js';
import { AnalysisAsker } from '../../src/analysis/attempts/analysis-asker.service.js';
import { AnalysisRenewals } from '../../src/analysis/holds/analysis-renewals.service.js';
import { UpgradeAttempt } from '../../src/analysis/upgrades/upgrade-attempt.service.js';
import { UpgradeEndings } from '../../src/analysis/upgrades/upgrade-endings.service.js';
import type { Caller } from '../inference/chat-bench.js';
import { addModel } from '../inference/model-copies.js';
import { OpenAiMock } from '../support/openai-mock.js';
import { until } from '../support/until.js';
import { followEvents } from '../support/event-reader.js';
import { AnalysisBench, REQUEST, SENTIMENT } from './analysis-bench.js';

/** Time for two attempts or three, then rules have to answer. */
const soon = (): string => new Date(Date.now() + 7_000).toISOString();
const DOWN = { status: 500 };

describe('an analysis whose provider is in trouble', () => {
  let bench: AnalysisBench;
  let admin: AdminConsole;
  let caller: Caller;
  let elsewhere: OpenAiMock;

  beforeAll(async () => {
    elsewhere = await new OpenAiMock().start();
    bench = await AnalysisBench.start({ ELSEWHERE_BASE_URL: elsewhere.baseUrl });
    admin = await AdminConsole.on(bench.chat.server);
  });
  beforeEach(async () => {
    bench.provider.behave(DOWN);
    caller = await bench.chat.caller('pro');
  });
  afterEach(() => bench.expectBalanced());
  afterAll(async () => {
    await bench.close();
    await elsewhere.close();
  });

  async function read(id: string): Promise<Record<string, unknown>> {
    return (await caller.get(`/v1/analyses/${id}`)).body;
  }

  /** That an analysis names the receipt of what it was charged: it is not its own id where it was held for anew. */
  async function expectReceipt(id: string): Promise<void> {
    const { requestId, creditsCharged } = await read(id);
    expect(requestId).not.toBe(id);
    const { status, body } = await caller.get(`/v1/usage/${String(requestId)}`);
    expect([status, body]).toEqual([200, expect.objectContaining({ requestId, creditsCharged })]);
  }

  // Planted once each: a charge for the rules’ answer, no comparison of the upgrade, a second charge for it; all seen failing.
  it('is answered by rules, free of charge and marked, and by the model once it is back, charged once', async () => {
    const { id } = (await caller.post('/v1/analyses', { ...REQUEST, deadline: soon() })).body as { id: string };
    const reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
    await until(() => reader.events.some(({ event }) => event === 'fallback'));
    const first = await read(id);
    expect(first).toMatchObject({
      status: 'completed',
      result: { sentiment: 'positive', themes: ['work'] },
      fallback: { reason: 'provider_error' },
      isUpgraded: false,
      creditsCharged: '0.000000',
    });
    expect((first['fallback'] as { confidence: number }).confidence).toBeGreaterThan(0);
    await bench.expectFree(caller);

    bench.answer(SENTIMENT);
    await reader.ended;
    const names = reader.events.map(({ event }) => event);
    expect(names.slice(0, 3)).toEqual(['queued', 'started', 'retried']);
    expect(names.slice(-2)).toEqual(['fallback', 'finished']);
    expect(reader.events.at(-1)?.data).toMatchObject({ isUpgraded: true });
    expect(await read(id)).toMatchObject({ result: SENTIMENT, fallback: null, isUpgraded: true, model: 'gpt-5-nano' });
    expect(await caller.ledger()).toHaveLength(1);
    expect(await caller.openHolds()).toBe(0);

    await expectReceipt(id);
    const { body: comparisons } = await admin.get('/admin/fallback-comparisons');
    expect(comparisons['data']).toContainEqual(expect.objectContaining({ analysisId: id }));
    const { body: workflows } = await admin.get(`/admin/recovery-workflows?analysisId=${id}`);
    const [workflow] = workflows['data'] as { state: string; steps: { step: string }[] }[];
    expect(workflow?.state).toBe('recovered');
    expect(workflow?.steps.map(({ step }) => step)).toEqual([
      ...Array<string>(workflow!.steps.length - 1).fill('retry'),
      'fallback',
    ]);
    const { body: listed } = await admin.get(`/admin/analyses?fallbackUsed=true&userId=${caller.userId}`);
    expect(listed['data']).toEqual([expect.objectContaining({ id, upgradedFromFallback: true })]);
    expect(JSON.stringify(listed)).not.toContain(REQUEST.text);
    const { body: summary } = await admin.get('/admin/analyses/summary?groupBy=model');
    expect(summary['data']).toEqual([
      expect.objectContaining({ group: 'gpt-5-nano', analyses: 1, failed: 0, fallbackRate: 1, upgraded: 1 }),
    ]);
    expect((await admin.get('/admin/analyses/summary?groupBy=mood')).status).toBe(400);
  });

  // Planted once: the price of the wanted model for the answer of the other; the reconciliation and the charge failed. Then a look at its first call alone; the dear one was asked.
  it('is answered by another model that the catalogue lists, under the same hold and at its own price, before rules are asked', async () => {
    const add = (id: string, provider: string, meta: object) =>
      addModel(bench.chat.server, { id, like: 'sandbox-echo', provider, meta: { ...meta } });
    // Its first call cannot cost more than that of the wanted one, but with the repair it can.
    await add('dear', 'elsewhere', { creditRates: { input: 3, output: 1 } });
    await add('down', 'openai', { creditsPer1kTokens: 2 });
    await add('cheap', 'elsewhere', { creditsPer1kTokens: 1 });
    const fallbacks = ['no-such-model', 'dear', 'down', 'cheap'];
    await add('wanted', 'openai', { creditsPer1kTokens: 2, providerMetadata: { fallbacks } });
    const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
    elsewhere.behave({ content: JSON.stringify(SENTIMENT), usage });
    const deadline = new Date(Date.now() + 12_000).toISOString();
    const { id, body, events } = await bench.analyse(caller, { ...REQUEST, model: 'wanted', deadline });
    expect(body).toMatchObject({ result: SENTIMENT, model: 'cheap', fallback: null, creditsCharged: '0.120000' });
    expect(events.at(-1)?.event).toBe('finished');
    expect(elsewhere.requests).toMatchObject([{ body: { model: 'cheap' } }]);
    expect(await caller.ledger()).toMatchObject([{ model_id: 'cheap', credits_ucr: '120000' }]);
    expect(await caller.openHolds()).toBe(0);
    // Removed once: the analysis in the note of a failed call.
    const { body: errors } = await admin.get(`/admin/error-logs?analysisId=${id}&errorType=provider_error`);
    expect((errors['data'] as object[]).length).toBeGreaterThan(1);
    expect(errors['data']).toContainEqual(
      expect.objectContaining({ analysisId: id, requestId: id, context: { provider: 'openai', modelId: 'wanted' } }),
    );
    expect((await admin.get('/admin/error-logs?analysisId=7')).status).toBe(400);
    const { body: workflows } = await admin.get(`/admin/recovery-workflows?analysisId=${id}`);
    const [workflow] = workflows['data'] as { state: string; steps: { step: string; detail: object }[] }[];
    expect(workflow?.state).toBe('recovered');
    expect(workflow?.steps[0]?.step).toBe('retry');
    expect(workflow?.steps.filter(({ step }) => step === 'other_model').map(({ detail }) => detail)).toEqual([
      { modelId: 'no-such-model', reason: 'model_not_found' },
      { modelId: 'dear', reason: 'above_hold' },
      { modelId: 'down', reason: 'provider_error' },
      { modelId: 'cheap', reason: null },
    ]);
  });

  // Planted once: a claim that does not look for a kept answer; the model was asked twice, and the first call was never paid.
  it('is not asked again for its upgrade where the worker before has just kept an answer', async () => {
    const { id } = (await caller.post('/v1/analyses', REQUEST)).body as { id: string };
    const reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
    await until(() => reader.events.some(({ event }) => event === 'retried'));
    await caller.query('update ai_analyses set deadline_at = now() where user_id = ?');
    await until(() => reader.events.some(({ event }) => event === 'fallback'));
    // No worker comes to it by itself.
    await bench.chat.server.orm.em.fork().execute(`delete from pgboss.job where data->>'id' = ?`, [id]);
    bench.answer(SENTIMENT);
    bench.provider.requests.length = 0;
    const { app } = bench.chat.server;
    const [endings, renewals] = [app.get(UpgradeEndings), app.get(AnalysisRenewals)];
    const found = async () => (await endings.find(id))!;

    const held = await renewals.hold(await found(), { isWaiting: false });
    const begun = (await endings.begun(await found(), held))!;
    const answer = await app.get(AnalysisAsker).ask(held);
    const seen = await found();
    expect(await app.get(AnalysisProgress).keep(begun, answer)).toBe(true);
    await app.get(UpgradeAttempt).make(seen);
    await reader.ended;
    expect(bench.provider.requests).toHaveLength(1);
    expect(await read(id)).toMatchObject({ result: SENTIMENT, isUpgraded: true });
    expect(await caller.ledger()).toHaveLength(1);
    // What the worker before does late changes nothing.
    await endings.charged(begun, answer);
    expect(await caller.ledger()).toHaveLength(1);
    expect(await caller.openHolds()).toBe(0);
  });

  // Removed once: the look whether an upgrade has a result, the provider’s trouble as the reason of a late attempt, and the longer life of its hold: all seen failing.
  it('keeps the answer of the rules, free of charge, where that of the model does not fit its form', async () => {
    const { id } = (await caller.post('/v1/analyses', REQUEST)).body as { id: string };
    const reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
    await until(() => reader.events.some(({ event }) => event === 'retried'));
    await caller.query('update ai_analyses set deadline_at = now() where user_id = ?');
    await until(() => reader.events.some(({ event }) => event === 'fallback'));
    bench.provider.behave({ content: 'I cannot do that.', delayMs: 1_500 });
    bench.provider.requests.length = 0;
    await until(() => bench.provider.requests.length === 1);
    // Two answers at their longest.
    const [hold] = await caller.query<{ seconds: number }>(
      `select extract(epoch from expires_at - now())::integer as seconds from credit_holds where user_id = ? and state = 'pending'`,
    );
    expect(hold?.seconds).toBeGreaterThan(1_200);
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ event: 'finished', data: { isUpgraded: false } });
    expect(await read(id)).toMatchObject({ fallback: { reason: 'provider_error' }, creditsCharged: '0.000000' });
    await bench.expectFree(caller);
  });

  // Planted once: a refusal of all that is completed; its user was told that nothing more happens, and was charged. Then a hold that the upgrade keeps.
  it.each(['before', 'while'])(
    'is not upgraded any more where its user calls that off %s a model is asked',
    async (when) => {
      const { id } = (await caller.post('/v1/analyses', REQUEST)).body as { id: string };
      const reader = followEvents(`${caller.url}/v1/analyses/${id}/events`, { token: caller.token });
      await until(() => reader.events.some(({ event }) => event === 'retried'));
      await caller.query('update ai_analyses set deadline_at = now() where user_id = ?');
      await until(() => reader.events.some(({ event }) => event === 'fallback'));
      bench.provider.requests.length = 0;
      bench.provider.behave({ content: JSON.stringify(SENTIMENT), delayMs: 2_000 });
      if (when === 'while') await until(() => bench.provider.requests.length === 1);
      const called = await caller.cancel(`/v1/analyses/${id}`);
      expect([called.status, called.body]).toEqual([
        200,
        expect.objectContaining({ status: 'completed', isUpgraded: false, fallback: expect.anything() as unknown }),
      ]);
      await reader.ended;
      expect(reader.events.at(-1)).toMatchObject({ event: 'finished', data: { isUpgraded: false } });
      expect((await caller.cancel(`/v1/analyses/${id}`)).body['code']).toBe('analysis_ended');
      const job = `select 1 from pgboss.job where name = 'analysis-upgrades' and state <= 'active' and data->>'id' = ?`;
      await until(async () => (await bench.chat.server.orm.em.fork().execute<unknown[]>(job, [id])).length === 0);
      expect(bench.provider.requests).toHaveLength(when === 'while' ? 1 : 0);
      expect(await read(id)).toMatchObject({ isUpgraded: false, creditsCharged: '0.000000' });
      await bench.expectFree(caller);
    },
  );

  // Removed once: the check of the rules’ answer against the schema; the misfit was completed. Then the reopening of its events: they ended as before.
  it('is a dead letter where its kind has no rules that fit, which an operator has tried again or lets be', async () => {
    const { data } = (await admin.get('/admin/analysis-kinds/sentiment')).body as { data: Record<string, unknown>[] };
    const { prompt, outputSchema, modelId } = data[0]!;
    const dead: string[] = [];
    for (const fallback of [{ strategy: 'none' }, { strategy: 'leading_sentences', sentences: 1 }]) {
      const kind = { prompt, outputSchema, modelId, fallback, reason: 'For a test' };
      expect((await admin.edit('PUT', `/admin/analysis-kinds/${fallback.strategy}`, kind)).status).toBe(200);
      const request = { ...REQUEST, kind: fallback.strategy, deadline: soon() };
      dead.push((await caller.post('/v1/analyses', request)).body['id'] as string);
    }
    await until(async () => (await Promise.all(dead.map(read))).every(({ status }) => status === 'dead'));
    expect(await read(dead[0]!)).toMatchObject({ error: { code: 'provider_error' }, creditsCharged: '0.000000' });
    await bench.expectFree(caller);
    const { body: letters } = await admin.get('/admin/dead-letters');
    expect((letters['data'] as { id: string }[]).map(({ id }) => id).sort()).toEqual([...dead].sort());

    const follow = (lastId: string) =>
      followEvents(`${caller.url}/v1/analyses/${dead[0]}/events`, { token: caller.token, lastId });
    const before = follow('0');
    await before.ended;
    expect(before.events.at(-1)).toMatchObject({ event: 'failed' });

    bench.answer(SENTIMENT);
    expect((await admin.post(`/admin/dead-letters/${dead[0]}/retry`, {})).status).toBe(400);
    expect((await admin.post(`/admin/dead-letters/${dead[0]}/retry`, { reason: 'It is back' })).status).toBe(200);
    expect((await admin.post(`/admin/dead-letters/${dead[1]}/discard`, { reason: 'Too late' })).status).toBe(200);
    await until(async () => (await read(dead[0]!))['status'] === 'completed');
    await expectReceipt(dead[0]!);
    for (const after of [follow('0'), follow(before.events.at(-1)!.id)]) {
      await after.ended;
      expect(after.events.slice(-3).map(({ event }) => event)).toEqual(['queued', 'started', 'finished']);
    }
    expect((await read(dead[1]!))['status']).toBe('failed');
    expect(await caller.ledger()).toHaveLength(1);
    expect((await admin.post(`/admin/dead-letters/${dead[1]}/retry`, { reason: 'Again' })).status).toBe(404);
    const trail = await admin.server.orm.em
      .fork()
      .execute<{ action: string }[]>(`select action from audit_trail where entity = 'analysis' order by created_at`);
    expect(trail.map(({ action }) => action)).toEqual(['dead_letter.retry', 'dead_letter.discard']);
  });

  it('is as kinds say it is: operators version them, and a schema that does not compile is refused', async () => {
    const { data } = (await admin.get('/admin/analysis-kinds/summary')).body as { data: Record<string, unknown>[] };
    const { prompt, outputSchema, modelId, fallback } = data[0]!;
    const kind = { prompt, outputSchema, modelId, fallback, reason: 'For a test' };
    const etag = (await admin.get('/admin/analysis-kinds/summary')).headers.get('etag')!;
    const put = (body: object, ifMatch = etag) =>
      admin.send('PUT', '/admin/analysis-kinds/summary', { ...kind, ...body }, { 'if-match': ifMatch });
    const faulty = await put({
      outputSchema: { type: 'object', properties: { a: { type: 'text' } } },
      modelId: 'gpt-99',
      fallback: { strategy: 'guess' },
    });
    expect(faulty.status).toBe(400);
    for (const field of ['outputSchema', 'modelId', 'fallback']) expect(JSON.stringify(faulty.body)).toContain(field);
    // A check that ends later finds no result at fault.
    const later = await put({ outputSchema: { ...(outputSchema as object), $async: true } });
    expect([later.status, JSON.stringify(later.body)]).toEqual([400, expect.stringContaining('$async')]);
    expect((await put({ prompt: 'Shorter.' })).body).toMatchObject({ version: 2, prompt: 'Shorter.' });
    expect((await put({ prompt: 'Again.' })).status).toBe(412);
    expect((await (await admin.as('support')).edit('PUT', '/admin/analysis-kinds/summary', kind)).status).toBe(403);
    bench.answer({ summary: 'Good.', keyPoints: [] });
    expect((await bench.analyse(caller, { ...REQUEST, kind: 'summary' })).body).toMatchObject({
      kindVersion: 2,
      result: { summary: 'Good.' },
    });
  });
});
