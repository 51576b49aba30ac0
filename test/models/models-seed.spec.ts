import { MikroORM } from '@mikro-orm/postgresql';
import { CATALOGUE, SEED_REASON, seedModels } from '../../seeders/models.seeder.js';
import { SANDBOX_MODELS } from '../../seeders/catalogue/sandbox-models.js';
import { Clock } from '../../src/common/clock.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { Notifications } from '../../src/database/notifications.js';
import { CatalogueService } from '../../src/models/catalogue.service.js';
import { ModelVersion } from '../../src/models/model-version.entity.js';
import { Model } from '../../src/models/model.entity.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { ModelsService } from '../../src/models/models.service.js';
import { testConfig } from '../support/test-config.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-server.js';

const NOW = new Date('2026-11-22T06:00:00Z');
const OPERATOR = { actorId: null, reason: 'a test' };

describe('the seed of the catalogue', () => {
  let database: TestDatabase;
  let orm: MikroORM;
  let catalogue: CatalogueService;
  let models: ModelsService;

  beforeAll(async () => {
    database = await createTestDatabase();
    orm = await MikroORM.init(ormOptions(database.url, testConfig()));
    await seedModels(orm.em, { sandbox: true, now: NOW });
    catalogue = new CatalogueService(orm.em, new Notifications(orm.em, testConfig()));
    await catalogue.reload();
    models = new ModelsService(orm.em, catalogue, new Clock(), new AuditTrail(orm.em));
  });

  afterAll(async () => {
    await orm.close();
    await database.drop();
  });

  async function execute<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return orm.em.getConnection().execute<Row[]>(sql, parameters);
  }

  it('holds the built-in models with the figures of the product', () => {
    expect(catalogue.find('gpt-5')?.meta).toMatchObject({
      displayName: 'GPT-5',
      capabilities: ['text', 'vision', 'function_calling'],
      contextLength: 128_000,
      creditsPer1kTokens: 2,
      requiredTier: 'pro_max',
    });
    expect(catalogue.find('gpt-5-nano')?.meta).toMatchObject({ displayName: 'GPT-5 Nano', requiredTier: 'free' });
    expect(catalogue.find('gemini-2.0-pro')?.meta).toMatchObject({
      capabilities: ['text', 'vision', 'long_context'],
      contextLength: 2_000_000,
      creditsPer1kTokens: 1,
    });
    expect(catalogue.find('gemini-2.5-pro')?.meta).toMatchObject({
      displayName: 'Gemini 2.5 Pro',
      requiredTier: 'pro_max',
    });
    expect(catalogue.find('claude-3.5-sonnet')?.meta).toMatchObject({
      capabilities: ['text', 'vision', 'code'],
      contextLength: 200_000,
      creditsPer1kTokens: 2,
    });
    for (const id of ['gpt-4o', 'gemini-1.5-pro', 'grok-beta']) expect(catalogue.find(id)?.isLegacy).toBe(true);
  });

  it('answers to aliases with the id', () => {
    expect(catalogue.find('claude-sonnet-4.5')?.id).toBe('claude-sonnet-4-5');
    expect(catalogue.find('gemini-2-5')?.id).toBe('gemini-2.5-pro');
    expect(catalogue.find('gpt-6')).toBeUndefined();
    expect(catalogue.find('__proto__')).toBeUndefined();
  });

  it('prices every model, and names the source and date of its figures', () => {
    for (const model of catalogue.list()) expect(model.prices).not.toBeNull();
    expect(catalogue.find('gpt-5')?.prices?.standard.creditsUcr.input).toBe(2_000n);
    for (const { meta } of CATALOGUE) {
      expect(meta.providerMetadata).toMatchObject({
        figures: { prices: { source: expect.any(String), date: expect.any(String) } },
      });
    }
  });

  it('writes version 1 of each model and nothing more when it runs again', async () => {
    await seedModels(orm.em, { sandbox: true, now: NOW });
    const versions = await orm.em.fork().find(ModelVersion, {});
    expect(versions).toHaveLength(CATALOGUE.length + SANDBOX_MODELS.length);
    expect(versions.every((version) => version.versionNo === 1 && version.changeReason === SEED_REASON)).toBe(true);
  });

  it('leaves the sandbox models out while the sandbox is off', async () => {
    const empty = await createEmptyDatabase();
    const other = await MikroORM.init(ormOptions(empty.url, testConfig(), false));
    try {
      await other.migrator.up();
      await seedModels(other.em, { sandbox: false, now: NOW });
      const ids = (await other.em.fork().find(Model, {})).map(({ id }) => id).sort();
      expect(ids).toEqual(CATALOGUE.map(({ id }) => id).sort());
    } finally {
      await other.close();
      await empty.drop();
    }
  });

  it('keeps what an operator changed, flags and meta', async () => {
    await models.edit({ id: 'grok-beta', ifMatch: '*', ...OPERATOR }, ({ model }) => ({
      isAvailable: false,
      meta: { ...model.meta, creditsPer1kTokens: 9 },
    }));
    await seedModels(orm.em, { sandbox: true, now: NOW });
    await catalogue.reload();
    expect(catalogue.find('grok-beta')).toMatchObject({
      isAvailable: false,
      isLegacy: true,
      versionNo: 2,
      meta: { creditsPer1kTokens: 9 },
    });
  });

  it('follows a newer built-in meta where the current version is its own', async () => {
    await execute(`update models set meta = meta || '{"version": "0"}' where id = 'gpt-4o'`);
    await seedModels(orm.em, { sandbox: true, now: NOW });
    await catalogue.reload();
    expect(catalogue.find('gpt-4o')).toMatchObject({ versionNo: 2, meta: { version: '4o' } });
  });
});
