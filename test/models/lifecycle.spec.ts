import { PLANS } from '../../seeders/plans.seeder.js';
import { CatalogueService } from '../../src/models/catalogue.service.js';
import { ModelLifecycleService } from '../../src/models/model-lifecycle.service.js';
import { ChatBench, HELLO, type Caller } from '../inference/chat-bench.js';
import { AdminConsole, type Answer } from './admin-console.js';

const META = {
  displayName: 'Old',
  capabilities: ['text', 'chat'],
  contextLength: 10_000,
  maxOutputTokens: 1_000,
  inputCostPerMillionTokens: 0,
  outputCostPerMillionTokens: 0,
  creditsPer1kTokens: 1,
};
const DAY_MS = 86_400_000;

describe('the lifecycle of a model', () => {
  let bench: ChatBench;
  let admin: AdminConsole;
  let caller: Caller;
  beforeAll(async () => {
    bench = await ChatBench.start();
    admin = await AdminConsole.on(bench.server);
    await bench.server.orm.em
      .getConnection()
      .execute(`update plans set redirect_legacy_models = true where tier = 'enterprise'`);
    caller = await bench.caller();
  });
  afterAll(() => bench.close());

  async function add(id: string, change: Record<string, unknown> = {}): Promise<void> {
    const meta = { ...META, ...change };
    const { status } = await admin.post('/admin/models', {
      id,
      name: id,
      provider: 'sandbox',
      meta,
      reason: 'For a test',
    });
    expect(status).toBe(201);
  }

  function step(id: string, to: string, change: Record<string, unknown> = {}): Promise<Answer> {
    return admin.edit('POST', `/admin/models/${id}/lifecycle`, { to, reason: `It becomes ${to}`, ...change });
  }

  function dayFromNow(days: number): string {
    return new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
  }

  it('takes each step with its audit row, and what each means for a call', async () => {
    await add('walker');
    const chat = { ...HELLO, model: 'walker' };
    expect((await step('walker', 'archived')).body).toMatchObject({
      status: 409,
      code: 'lifecycle_refused',
      from: 'available',
      allowed: ['unavailable', 'legacy'],
    });
    expect((await step('walker', 'unavailable')).body).toMatchObject({ lifecycle: 'unavailable' });
    expect((await caller.refusedChat(chat)).error.code).toBe('model_unavailable');
    await step('walker', 'available');
    await step('walker', 'legacy', { replacementModelId: 'sandbox-echo', deprecationNotice: 'Use Sandbox Echo.' });
    expect((await caller.chat(chat)).status).toBe(200);
    const archived = await step('walker', 'archived');
    expect(archived.body).toMatchObject({ lifecycle: 'archived', transitions: [{ to: 'legacy', refusals: [] }] });
    const gone = await caller.chat(chat);
    expect(gone).toMatchObject({ status: 410, body: { error: { details: { replacement: 'sandbox-echo' } } } });
    expect((await step('walker', 'legacy')).body).toMatchObject({ lifecycle: 'legacy' });

    const { body } = await admin.get('/admin/model-tier-audit-logs?modelId=walker');
    const rows = body['data'] as { reason: string; actorId: string; before: object; after: object }[];
    expect(rows.map(({ reason }) => reason).toReversed()).toEqual(
      ['unavailable', 'available', 'legacy', 'archived', 'legacy'].map((to) => `It becomes ${to}`),
    );
    expect(rows[0]).toMatchObject({ before: { isArchived: true }, after: { isArchived: false, isLegacy: true } });
    for (const { actorId } of rows) expect(actorId).toBe(admin.userId);
  });

  it('is refused with every reason, and needs the state that was read', async () => {
    await add('dated');
    await add('before-dated', { legacyReplacementModelId: 'dated' });
    await step('dated', 'legacy', { sunsetDate: dayFromNow(30) });
    const refused = await step('dated', 'archived');
    expect(refused.status).toBe(409);
    expect(refused.body['reasons']).toEqual([
      expect.stringContaining(`Users were told ${dayFromNow(30)}`),
      expect.stringContaining('before-dated name it as their successor'),
    ]);
    expect((await step('dated', 'legacy', { sunsetDate: 'soon' })).status).toBe(400);
    expect((await step('dated', 'gone')).status).toBe(400);
    const blind = await admin.post('/admin/models/dated/lifecycle', { to: 'available', reason: 'No ETag' });
    expect(blind.status).toBe(428);
  });

  it('is told by every answer of a legacy model, and by none of another', async () => {
    await add('fading');
    await step('fading', 'legacy', { sunsetDate: '2999-12-31', replacementModelId: 'sandbox-echo' });
    for (const stream of [false, true]) {
      const { headers } = await caller.chat({ ...HELLO, model: 'fading', stream });
      expect(Number(headers.get('deprecation')?.slice(1))).toBeCloseTo(Date.now() / 1000, -3);
      expect(headers.get('sunset')).toBe('Tue, 31 Dec 2999 00:00:00 GMT');
      expect(headers.get('link')).toBe('</v1/models/sandbox-echo>; rel="successor-version"');
    }
    const read = await caller.get('/v1/models/fading');
    expect(read.headers.get('sunset')).not.toBeNull();
    const { headers } = await caller.chat(HELLO);
    expect([headers.get('deprecation'), headers.get('sunset'), headers.get('link')]).toEqual([null, null, null]);
  });

  // Removed once: a model that was imported with its last day was archived on it without a word before.
  it('tells its last day also before it is legacy', async () => {
    await add('dated-early', { sunsetDate: '2999-12-31' });
    const { headers } = await caller.chat({ ...HELLO, model: 'dated-early' });
    expect(headers.get('sunset')).toBe('Tue, 31 Dec 2999 00:00:00 GMT');
    expect(headers.get('deprecation')).toBeNull();
  });

  it('ends on its sunset date, once, on whichever replica looks first', async () => {
    await add('ending');
    await add('later');
    await step('ending', 'legacy', { sunsetDate: dayFromNow(2) });
    await step('later', 'legacy', { sunsetDate: dayFromNow(40) });
    const lifecycles = bench.server.app.get(ModelLifecycleService);
    const now = new Date(`${dayFromNow(2)}T00:00:00Z`);
    expect(await lifecycles.dueForSunset(new Date(now.getTime() - 1))).toEqual([]);
    expect(await lifecycles.dueForSunset(now)).toEqual(['ending']);
    await Promise.all([lifecycles.sunset('ending', now), lifecycles.sunset('ending', now)]);
    expect(bench.server.app.get(CatalogueService).find('ending')).toMatchObject({ isArchived: true });
    const { body } = await admin.get('/admin/model-tier-audit-logs?modelId=ending&limit=2');
    expect(body['data']).toMatchObject([
      { reason: 'The sunset date has come', actorId: null, changes: expect.any(Array) },
      { reason: 'It becomes legacy' },
    ]);
  });

  describe('where the plan redirects legacy models', () => {
    let privileged: Caller;
    beforeAll(async () => {
      expect(PLANS.map(({ tier }) => tier)).toContain('enterprise');
      privileged = await bench.caller('enterprise');
      await add('oldest', { legacyReplacementModelId: 'sandbox-echo' });
      await add('old', { legacyReplacementModelId: 'oldest' });
      await step('old', 'legacy');
      await step('oldest', 'legacy');
    });

    it('calls the successor, charges it and says so', async () => {
      const answer = await privileged.chat({ ...HELLO, model: 'old' });
      expect(answer.body).toMatchObject({ model: 'sandbox-echo' });
      expect(answer.headers.get('x-parameters-applied')).toContain('model=redirected;to="sandbox-echo"');
      expect(answer.headers.get('link')).toBe('</v1/models/oldest>; rel="successor-version"');
      const receipt = await privileged.get(`/v1/usage/${answer.headers.get('x-request-id')!}`);
      expect(receipt.body).toMatchObject({
        model: 'sandbox-echo',
        parameters: {
          applied: expect.arrayContaining([{ parameter: 'model', action: 'redirected', to: 'sandbox-echo' }]),
        },
      });
    });

    it('serves even a model that is archived, but none to a plan that does not redirect', async () => {
      await step('old', 'archived');
      expect((await privileged.chat({ ...HELLO, model: 'old' })).status).toBe(200);
      expect((await caller.chat({ ...HELLO, model: 'old' })).status).toBe(410);
      expect((await caller.chat({ ...HELLO, model: 'oldest' })).body).toMatchObject({ model: 'oldest' });
    });

    it('keeps the legacy model where the successor could not take the request', async () => {
      await add('tool-user', {
        capabilities: ['text', 'chat', 'function_calling'],
        legacyReplacementModelId: 'sandbox-vision',
      });
      await step('tool-user', 'legacy');
      const tools = [{ type: 'function', function: { name: 'look' } }];
      expect((await privileged.chat({ ...HELLO, model: 'tool-user', tools })).body).toMatchObject({
        model: 'tool-user',
      });
    });

    it('keeps it also where the successor does not take the parameters, unless neither does', async () => {
      const fixed = { temperature: { supported: true, allowedValues: [1], default: 1 } };
      await add('fixed', { parameterConstraints: fixed });
      await add('free', { legacyReplacementModelId: 'fixed' });
      await step('free', 'legacy');
      const modelOf = async (change: object) =>
        (await privileged.chat({ ...HELLO, model: 'free', ...change })).body['model'];
      expect(await modelOf({})).toBe('fixed');
      expect(await modelOf({ temperature: 0.5 })).toBe('free');
      const neither = await privileged.chat({ ...HELLO, model: 'free', temperature: 'hot' });
      expect(neither).toMatchObject({ status: 400, body: { error: { details: { model: 'fixed' } } } });
      await step('free', 'archived');
      expect((await privileged.chat({ ...HELLO, model: 'free', temperature: 0.5 })).status).toBe(400);
    });
  });
});
