import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreakers } from '../../src/inference/resilience/circuit-breakers.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import type { Caller } from '../inference/chat-bench.js';
import { addModel } from '../inference/model-copies.js';
import { followEvents } from '../support/event-reader.js';
import { until } from '../support/until.js';
import { CUT_OFF_MODEL, GenerationBench, SLOW_MODEL } from './generation-bench.js';

const HOUR_MS = 3_600_000;
/** Longer than a worker takes to notice, and short enough to wait for. */
const ANSWER_MS = 4_000;
const HOLDS = 'select state, attempts_charged, cost_ucr from credit_holds where user_id = ?';

describe('a run that is cancelled', () => {
  let bench: GenerationBench;
  let caller: Caller;
  beforeAll(async () => {
    bench = await GenerationBench.start();
  });
  beforeEach(async () => {
    bench.mock.behave({ delayMs: ANSWER_MS, content: '["Late Bean"]' });
    bench.mock.requests.length = 0;
    caller = await bench.chats.caller('pro');
  });
  afterEach(() => bench.expectCleanBooks());
  afterAll(() => bench.close());

  const read = async (id: string, by = caller) => (await by.get(`/v1/generations/${id}`)).body;
  const statesOf = async (id: string): Promise<string[]> =>
    ((await read(id))['models'] as { state: string }[]).map(({ state }) => state);
  const cancel = async (id: string, by = caller) => {
    const { status, body } = await by.cancel(`/v1/generations/${id}`);
    expect(status).toBe(200);
    return body;
  };
  /** Of all runs: what workers still do, and what they failed at. */
  const jobs = (states: string) =>
    bench.execute(`select 1 from pgboss.job where name = 'generations' and state in (${states})`);

  // Removed once: the provider's policy; nothing was charged for the model that went on at the operator's expense.
  it('awaits and charges what its providers charge anyway, and breaks off the others', async () => {
    const models = ['sandbox-echo', SLOW_MODEL, CUT_OFF_MODEL];
    const id = await bench.begin(caller, { models });
    const reader = followEvents(`${caller.url}/v1/generations/${id}/events`, { token: caller.token });
    await until(async () => (await statesOf(id))[0] === 'answered' && bench.mock.requests.length === 2);
    const asked = await cancel(id);
    expect(asked).toMatchObject({
      status: 'processing',
      cancelRequestedAt: expect.any(String) as string,
      models: [{ state: 'answered' }, { state: 'waiting' }, { state: 'waiting' }],
    });
    await until(async () => (await statesOf(id))[2] === 'cancelled');
    // To be asked once more changes nothing.
    expect(await cancel(id)).toMatchObject({
      status: 'processing',
      cancelRequestedAt: asked['cancelRequestedAt'],
      models: [{ state: 'answered' }, { state: 'waiting' }, { state: 'cancelled' }],
    });
    expect(
      await caller.query(
        `select expires_at > now() + interval '20 minutes' as lasts from credit_holds where user_id = ?`,
      ),
    ).toEqual([{ lasts: true }]);
    expect(await caller.ledger()).toEqual([]);
    const run = await bench.ended(caller, id);
    expect(run).toMatchObject({
      status: 'cancelled',
      cancelRequestedAt: asked['cancelRequestedAt'],
      modelsCompleted: ['sandbox-echo', SLOW_MODEL],
      totalNamesGenerated: 4,
      errorDetails: { [CUT_OFF_MODEL]: { code: 'cancelled' } },
    });
    const ledger = await caller.ledger();
    expect(ledger.map(({ provider, outcome, usage_source: source }) => [provider, outcome, source])).toEqual([
      ['sandbox', 'completed', 'provider'],
      ['openai', 'client_aborted', 'provider'],
    ]);
    const charged = ledger.map(({ credits_ucr: ucr }) => BigInt(ucr));
    expect(charged.every((ucr) => ucr > 0n)).toBe(true);
    const sum = charged.reduce((one, other) => one + other, 0n);
    expect(BigInt(String(run['creditsCharged']).replace('.', ''))).toBe(sum);
    expect(await caller.query(HOLDS)).toEqual([{ state: 'settled', attempts_charged: 2, cost_ucr: String(sum) }]);
    const names = await caller.get(`/v1/projects/${String(run['projectId'])}/suggestions?generationId=${id}`);
    expect((names.body['data'] as { name: string }[]).map(({ name }) => name)).toContain('Late Bean');
    await reader.ended;
    expect(reader.events.map(({ event, data }) => [event, data['state'] ?? data['status'] ?? null])).toEqual([
      ['queued', null],
      ['started', null],
      ['model', 'answered'],
      ['model', 'cancelled'],
      ['model', 'answered'],
      ['finished', 'cancelled'],
    ]);
    expect((await cancel(id))['status']).toBe('cancelled');
    expect(await caller.ledger()).toHaveLength(2);
  });

  it('is ended by retention where no worker ever does, charged for what had answered', async () => {
    bench.mock.behave({ delayMs: 15_000 });
    const id = await bench.begin(caller, { models: ['sandbox-echo', CUT_OFF_MODEL] });
    await until(async () => (await statesOf(id))[0] === 'answered' && bench.mock.requests.length === 1);
    // As if its worker and its job were gone.
    await caller.query('update ai_generations set cancel_requested_at = now() where user_id = ?');
    await bench.app.get(JobRegistry).runNow('generation-retention', new Date(Date.now() + 25 * HOUR_MS));
    expect(await read(id)).toMatchObject({ status: 'cancelled', modelsCompleted: ['sandbox-echo'] });
    expect(await caller.ledger()).toHaveLength(1);
    await until(async () => (await jobs(`'active'`)).length === 0);
  });

  it('costs nothing, and ends at once, where it waits for a worker', async () => {
    const others = await Promise.all([1, 2].map(() => bench.begin(caller, { models: [CUT_OFF_MODEL] })));
    // As many as one user may have under way.
    await until(() => bench.mock.requests.length === 2);
    const id = await bench.begin(caller, { models: [SLOW_MODEL] });
    expect(await cancel(id)).toMatchObject({
      status: 'cancelled',
      cancelRequestedAt: null,
      creditsCharged: '0.000000',
    });
    for (const other of others) await cancel(other);
    for (const other of others)
      expect(await bench.ended(caller, other)).toMatchObject({ status: 'cancelled', creditsCharged: '0.000000' });
    expect(bench.mock.requests).toHaveLength(2);
    await caller.expectUntouched();
  });

  // Removed once: the look for a call that waits; it was asked although nobody wanted the answer any more, and charged.
  it('does not ask a model that it waits for a place at', async () => {
    const circuits = bench.app.get(CircuitBreakers);
    const { settings } = circuits;
    circuits.settings = { ...settings, callsMax: 1 };
    await addModel(bench.chats.server, { id: 'one-place', like: SLOW_MODEL });
    const first = await bench.begin(caller, { models: ['one-place'] });
    await until(() => bench.mock.requests.length === 1);
    const other = await bench.chats.caller('pro');
    const second = await bench.begin(other, { models: ['one-place'] });
    await until(async () => (await read(second, other))['status'] === 'processing');
    await cancel(second, other);
    expect(await bench.ended(other, second)).toMatchObject({ status: 'cancelled', creditsCharged: '0.000000' });
    expect(await bench.ended(caller, first)).toMatchObject({ status: 'completed' });
    expect(bench.mock.requests).toHaveLength(1);
    await other.expectUntouched();
    circuits.settings = settings;
  });

  it('ends once, whichever is first: its answers or its owner', async () => {
    bench.mock.behave({ delayMs: 400, content: '["Late Bean"]' });
    for (let step = 0; step < 6; step += 1) {
      const id = await bench.begin(caller, { models: [SLOW_MODEL] });
      await until(() => bench.mock.requests.length === step + 1);
      await sleep(step * 100);
      await Promise.all([cancel(id), cancel(id)]);
      expect(['completed', 'cancelled']).toContain((await bench.ended(caller, id))['status']);
    }
    expect(await caller.ledger()).toHaveLength(6);
    const ends = `select entity_id from entity_events where user_id = ? and is_last`;
    expect(await caller.query(ends)).toHaveLength(6);
  });

  it('keeps its project until it has ended, and both say what to do', async () => {
    const project = String((await caller.post('/v1/projects', { name: 'Short' })).body['id']);
    const id = await bench.begin(caller, { projectId: project, models: ['sandbox-echo', SLOW_MODEL] });
    await until(() => bench.mock.requests.length === 1);
    const refused = await caller.cancel(`/v1/projects/${project}`);
    expect([refused.status, refused.body]).toMatchObject([409, { code: 'project_busy', generationIds: [id] }]);
    // Nothing was called off by that.
    expect(await read(id)).toMatchObject({ status: 'processing', cancelRequestedAt: null });
    await cancel(id);
    expect((await caller.cancel(`/v1/projects/${project}`)).body['code']).toBe('project_busy');
    expect(await bench.ended(caller, id)).toMatchObject({
      status: 'cancelled',
      modelsCompleted: ['sandbox-echo', SLOW_MODEL],
    });
    expect((await caller.cancel(`/v1/projects/${project}`)).status).toBe(204);
    expect((await caller.get(`/v1/generations/${id}`)).status).toBe(404);
    expect(await caller.ledger()).toHaveLength(2);
  });

  /** Once erased at once: the provider's answer came to nobody, and was in no books. */
  it('is erased with its owner once it has ended, and was charged', async () => {
    await bench.begin(caller, { models: ['sandbox-echo', SLOW_MODEL] });
    await until(() => bench.mock.requests.length === 1);
    await caller.query(`update users set deleted_at = now() - interval '31 days' where id = ?`);
    const registry = bench.app.get(JobRegistry);
    expect(await registry.runNow('erase-users', new Date())).toMatchObject({ anonymised: 0, skipped: 1, failed: 0 });
    await until(async () => (await jobs(`'active'`)).length === 0);
    expect(await jobs(`'retry', 'failed'`)).toEqual([]);
    expect(await caller.ledger()).toHaveLength(2);
    expect(await registry.runNow('erase-users', new Date())).toMatchObject({ anonymised: 1, failed: 0 });
    expect(await caller.query('select 1 from ai_generations where user_id = ?')).toEqual([]);
  });
});
