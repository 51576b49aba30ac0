import { CatalogueService } from '../../src/models/catalogue.service.js';
import { ModelsService } from '../../src/models/models.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { until } from '../support/until.js';
import { AdminConsole } from './admin-console.js';

const META = {
  displayName: 'Shared',
  capabilities: ['text', 'chat'],
  contextLength: 10_000,
  maxOutputTokens: 1_000,
  inputCostPerMillionTokens: 0,
  outputCostPerMillionTokens: 0,
  creditsPer1kTokens: 1,
};

/** Without the trigger, or without listening to it, nothing here ever comes true. */
describe('two replicas', () => {
  let admin: AdminConsole;
  let other: TestApp;
  let seenByOther: CatalogueService;
  beforeAll(async () => {
    admin = await AdminConsole.start();
    const { database, url } = admin.server;
    other = await startTestApp({ database, publicUrl: url });
    seenByOther = other.app.get(CatalogueService);
  });
  afterAll(async () => {
    await other.close();
    await admin.close();
  });

  function add(id: string, change: Record<string, unknown> = {}) {
    return admin.post('/admin/models', {
      id,
      name: id,
      provider: 'sandbox',
      meta: { ...META, ...change },
      reason: 'New',
    });
  }

  it('both know a change as soon as one has made it', async () => {
    await add('shared');
    await until(() => seenByOther.find('shared') !== undefined);
    await admin.edit('PATCH', '/admin/models/shared/meta', { meta: { creditsPer1kTokens: 7 }, reason: 'Dearer' });
    await until(() => seenByOther.find('shared')?.meta.creditsPer1kTokens === 7);
    expect(seenByOther.find('shared')?.versionNo).toBe(2);
  });

  it('both know a change that a hand at the database made', async () => {
    const connection = admin.server.orm.em.getConnection();
    await connection.execute(`update models set is_available = false where id = 'sandbox-free'`);
    await until(() => seenByOther.find('sandbox-free')?.isAvailable === false);
    expect(seenByOther.find('sandbox-free')?.versionNo).toBe(1);
  });

  it('hear nothing of a change that was taken back', async () => {
    const before = seenByOther.generation;
    const connection = admin.server.orm.em.getConnection();
    await connection
      .execute(`do $$ begin update models set is_legacy = true where id = 'sandbox-echo'; raise 'no'; end $$`)
      .catch(() => undefined);
    await add('after-rollback');
    await until(() => seenByOther.find('after-rollback') !== undefined);
    expect(seenByOther.find('sandbox-echo')?.isLegacy).toBe(false);
    expect(seenByOther.generation).toBeGreaterThan(before);
  });

  it('archive a model on its day, whichever of them looks, and only once', async () => {
    await add('dying', { sunsetDate: '2026-01-01' });
    const registries = [admin.server.app.get(JobRegistry), other.app.get(JobRegistry)];
    const now = new Date('2026-01-01T00:00:00Z');
    expect((await registries[0]!.runNow('sunset-models', new Date(now.getTime() - 1)))['archived']).toBe(0);
    await Promise.all(registries.map((registry) => registry.runNow('sunset-models', now)));
    await until(() => seenByOther.find('dying')?.isArchived === true);
    const { body } = await admin.get('/admin/model-tier-audit-logs?modelId=dying');
    expect(body['data']).toHaveLength(1);
  });

  it('write every change into the audit trail, with who, why, before and after', async () => {
    const rows = await admin.server.orm.em
      .getConnection()
      .execute(`select * from audit_trail where entity = 'model' and entity_id = 'shared' order by created_at, id`);
    expect(rows).toMatchObject([
      {
        action: 'model.create',
        actor_id: admin.userId,
        reason: 'New',
        before: null,
        after: { meta: { creditsPer1kTokens: 1 } },
      },
      {
        action: 'model.update',
        actor_id: admin.userId,
        reason: 'Dearer',
        before: { meta: { creditsPer1kTokens: 1 } },
        after: { meta: { creditsPer1kTokens: 7 } },
      },
    ]);
    for (const { request_id: requestId, ip } of rows as { request_id: string; ip: string }[]) {
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect(ip).not.toBeNull();
    }
  });

  // Seen before: 500 for a model that was added all the same.
  it('answer a change that is made, also where the catalogue cannot be read right after, and know it a little later', async () => {
    const catalogue = admin.server.app.get(CatalogueService);
    const { reload } = catalogue;
    catalogue.reload = () => {
      catalogue.reload = reload;
      return Promise.reject(new Error('the database is away'));
    };
    expect((await add('unread')).status).toBe(201);
    await until(() => catalogue.find('unread') !== undefined);
  });

  describe('a change that is followed at once by another', () => {
    /** The other is made as soon as the first is committed, before the first is answered. */
    async function followed<Answer>(first: () => Promise<Answer>, second: () => Promise<unknown>): Promise<Answer> {
      const models = admin.server.app.get(ModelsService);
      const { write } = models;
      models.write = async (...change) => {
        models.write = write;
        await write.apply(models, change);
        await second();
      };
      return first();
    }
    const narrow = (id: string) => () =>
      admin.edit('PUT', `/admin/models/${id}/tier`, { requiredTier: 'enterprise', reason: 'For few' });

    // Seen before: each was answered with the ETag of the other's state, and the next change took the other's back without a word.
    it.each([
      ['of a constraint', 'PUT', '/parameter-constraints/temperature', { constraint: { supported: true, max: 1 } }],
      ['of its life', 'POST', '/lifecycle', { to: 'legacy' }],
      ['of its meta', 'PATCH', '/meta', { meta: { creditsPer1kTokens: 3 } }],
    ])('%s is answered with the ETag of what it made', async (what, method, path, change) => {
      const id = `followed-${what.split(' ').at(-1)}`;
      await add(id);
      const answer = await followed(
        () => admin.edit(method, `/admin/models/${id}${path}`, { ...change, reason: 'First' }),
        narrow(id),
      );
      expect(answer.status).toBe(200);
      const ifMatch = { 'if-match': answer.headers.get('etag')! };
      const next = await admin.send('PUT', `/admin/models/${id}/meta`, { meta: META, reason: 'Next' }, ifMatch);
      expect(next.status).toBe(412);
      expect((await admin.get(`/admin/models/${id}/tier`)).body).toMatchObject({ requiredTier: 'enterprise' });
    });

    it('of many is, too', async () => {
      await add('followed-import');
      const models = [{ id: 'followed-import', name: 'n', provider: 'sandbox', meta: { ...META, version: '2' } }];
      const document = { models, reason: 'First' };
      const write = (etag: string | null) =>
        admin.send('POST', '/admin/imports/models?dryRun=false', document, { 'if-match': etag ?? '' });
      const { headers } = await admin.post('/admin/imports/models', document);
      const answer = await followed(() => write(headers.get('etag')), narrow('followed-import'));
      expect(answer.status).toBe(200);
      expect((await write(answer.headers.get('etag'))).status).toBe(412);
    });
  });
});
