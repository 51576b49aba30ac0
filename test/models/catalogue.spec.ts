import { MikroORM } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import { ZodError } from 'zod';
import { seedModels } from '../../seeders/models.seeder.js';
import { Clock } from '../../src/common/clock.js';
import { AppError } from '../../src/common/errors/app-error.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { Notifications } from '../../src/database/notifications.js';
import { CatalogueService } from '../../src/models/catalogue.service.js';
import type { ModelMeta } from '../../src/models/domain/model-meta.js';
import { ModelTierAuditLog } from '../../src/models/model-tier-audit-log.entity.js';
import { ModelVersion } from '../../src/models/model-version.entity.js';
import { Model } from '../../src/models/model.entity.js';
import type { ModelFilter } from '../../src/models/model-page-query.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { ModelsService } from '../../src/models/models.service.js';
import { testConfig } from '../support/test-config.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';

const NOW = new Date('2026-11-22T06:00:00Z');
const OPERATOR = { actorId: null, reason: 'a test' };

const META: ModelMeta = {
  displayName: 'Test model',
  capabilities: ['text'],
  contextLength: 1_000,
  maxOutputTokens: 100,
  inputCostPerMillionTokens: 1_000,
  outputCostPerMillionTokens: 2_000,
  creditsPer1kTokens: 1.5,
};

describe('the catalogue', () => {
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

  async function save(id: string, meta: unknown, flags: { isAvailable?: boolean; isArchived?: boolean } = {}) {
    if (await orm.em.fork().findOne(Model, { id })) {
      await models.edit({ id, ifMatch: '*', ...OPERATOR }, () => ({ ...flags, meta }));
    } else await models.create({ id, name: id, provider: 'openai', ...flags, meta }, OPERATOR);
    return catalogue.find(id)!;
  }

  async function execute<Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return orm.em.getConnection().execute<Row[]>(sql, parameters);
  }

  describe('a saved model', () => {
    it('with tier pro reads back pro, and without a tier is free', async () => {
      await save('tier-pro', { ...META, requiredTier: 'pro' });
      await save('tier-none', META);
      const stored = await orm.em.fork().findOneOrFail(Model, 'tier-pro');
      expect(stored.meta.requiredTier).toBe('pro');
      expect(catalogue.find('tier-pro')?.meta.requiredTier).toBe('pro');
      const [row] = await execute<{ has_tier: boolean }>(
        `select jsonb_exists(meta, 'requiredTier') as has_tier from models where id = 'tier-none'`,
      );
      expect(row).toEqual({ has_tier: false });
    });

    it('gets a version for each change of its meta, none for a repetition, and an audit row for its tier', async () => {
      await save('versioned', META);
      await save('versioned', META);
      const second = await save('versioned', { ...META, requiredTier: 'enterprise' });
      expect(second.versionNo).toBe(2);
      const third = await save('versioned', { ...META, requiredTier: 'enterprise' }, { isArchived: true });
      expect(third).toMatchObject({ versionNo: 2, isArchived: true });
      const audits = await orm.em.fork().find(ModelTierAuditLog, { modelId: 'versioned' }, { orderBy: { id: 'asc' } });
      expect(audits.map(({ previous, next }) => [previous.requiredTier, next.requiredTier, next.isArchived])).toEqual([
        [undefined, 'enterprise', false],
        ['enterprise', 'enterprise', true],
      ]);
    });

    it('keeps one version number apart from the other when two operators save at once', async () => {
      await save('raced', META);
      const prices = Array.from({ length: 8 }, (_, index) => index + 2);
      await Promise.all(prices.map((creditsPer1kTokens) => save('raced', { ...META, creditsPer1kTokens })));
      const versions = await orm.em.fork().find(ModelVersion, { modelId: 'raced' }, { orderBy: { versionNo: 'asc' } });
      expect(versions.map(({ versionNo }) => versionNo)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      const current = await orm.em.fork().findOneOrFail(Model, 'raced');
      expect(versions.at(-1)?.meta).toEqual(current.meta);
    });

    it('is refused with the path of every fault', async () => {
      const meta = {
        ...META,
        creditsPer1kTokens: 1.2345,
        colour: 'red',
        parameterConstraints: { temperature: { supported: true, min: 2, max: 1 } },
      };
      const error = await save('faulty', meta).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AppError);
      expect((error as AppError).errors.map(({ field }) => field)).toEqual(
        expect.arrayContaining(['meta.creditsPer1kTokens', 'meta.colour']),
      );
      expect(await orm.em.fork().count(Model, { id: 'faulty' })).toBe(0);
      const range = await save('faulty', { ...META, parameterConstraints: meta.parameterConstraints }).catch(
        (thrown: unknown) => thrown,
      );
      expect((range as AppError).errors.map(({ field }) => field)).toEqual([
        'meta.parameterConstraints.temperature.min',
      ]);
    });

    it('may not take another model’s name, nor have a successor that is unknown or leads back', async () => {
      await save('first', { ...META, aliases: ['one'] });
      await save('second', { ...META, legacyReplacementModelId: 'first' });
      await expect(save('third', { ...META, aliases: ['one'] })).rejects.toThrow('already names first');
      await expect(save('one', META)).rejects.toThrow('is an alias of first');
      await expect(save('third', { ...META, legacyReplacementModelId: 'nowhere' })).rejects.toThrow('names no model');
      await expect(save('first', { ...META, legacyReplacementModelId: 'second' })).rejects.toThrow('leads in a circle');
    });
  });

  describe('a page for operators', () => {
    it('goes through every model once, archived ones too', async () => {
      const seen: string[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await models.listPage({}, { limit: 7, cursor: cursor ?? undefined });
        expect(page.models.length).toBeLessThanOrEqual(7);
        seen.push(...page.models.map(({ model }) => model.id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      const rows = await execute<{ id: string }>('select id from models order by id');
      expect(seen).toEqual(rows.map(({ id }) => id));
    });

    it.each<[string, ModelFilter, (id: string) => boolean]>([
      ['provider', { provider: 'xai' }, (id) => id === 'grok-beta'],
      ['required tier', { tier: 'enterprise' }, (id) => id === 'versioned'],
      ['capability', { capability: 'embedding' }, (id) => id === 'sandbox-embedding'],
      ['life', { lifecycle: 'legacy', provider: 'google' }, (id) => /^gemini-(1\.5-pro|3-pro-preview)$/.test(id)],
      ['archive', { lifecycle: 'archived' }, (id) => id === 'versioned'],
    ])('filters by %s', async (_name, filter, isExpected) => {
      const page = await models.listPage(filter, { limit: 200 });
      expect(page.models.length).toBeGreaterThan(0);
      expect(page.models.every(({ model }) => isExpected(model.id))).toBe(true);
    });

    it('counts a model without a tier as free', async () => {
      const page = await models.listPage({ tier: 'free' }, { limit: 200 });
      expect(page.models.map(({ model }) => model.id)).toEqual(expect.arrayContaining(['tier-none', 'gpt-5-nano']));
      expect(page.models.map(({ model }) => model.id)).not.toContain('gpt-5');
    });

    it('refuses a cursor that is none', async () => {
      await expect(models.listPage({}, { limit: 5, cursor: 'AAAA' })).rejects.toThrow('cursor');
    });
  });

  describe('the stored document', () => {
    it('is refused with an unknown key on write, also past the service', async () => {
      const em = orm.em.fork();
      em.create(Model, { id: 'unknown-key', name: 'x', provider: 'x', meta: { ...META, colour: 'red' } as ModelMeta });
      await expect(em.flush()).rejects.toThrow(ZodError);
    });

    it('keeps an unknown key on read, and when another column is changed', async () => {
      await save('newer', META);
      await execute(`update models set meta = meta || '{"colour": "red"}' where id = 'newer'`);
      const em = orm.em.fork();
      const model = await em.findOneOrFail(Model, 'newer');
      expect(model.meta).toMatchObject({ colour: 'red' });
      model.isLegacy = true;
      await em.flush();
      const [row] = await execute<{ colour: string }>(
        `select meta->>'colour' as colour from models where id = 'newer'`,
      );
      expect(row).toEqual({ colour: 'red' });
      await catalogue.reload();
      expect(catalogue.find('newer')?.meta).toMatchObject({ colour: 'red' });
    });

    // Seen: a receipt with the rates of the version that it named, and a charge of nine times as much.
    it('charges at the prices of the version that it names, also where a hand at the database wrote others', async () => {
      await save('by-hand', META);
      const priced = catalogue.find('by-hand')!;
      await execute(`update models set meta = meta || '{"creditsPer1kTokens": 9}' where id = 'by-hand'`);
      await catalogue.reload();
      expect(catalogue.find('by-hand')).toMatchObject({ versionNo: 1, prices: priced.prices });
      await save('by-hand', { ...META, creditsPer1kTokens: 9 });
      const { versionNo, prices } = catalogue.find('by-hand')!;
      expect([versionNo, prices?.standard.creditsUcr.output]).toEqual([2, 9_000n]);
    });

    it('takes only its own model out of the catalogue when it cannot be read', async () => {
      await save('broken', META);
      await execute(`update models set meta = '{"displayName": 5}' where id = 'broken'`);
      Logger.overrideLogger(false);
      await catalogue.reload();
      expect(catalogue.find('broken')).toBeUndefined();
      expect(catalogue.find('gpt-5')).toBeDefined();
      await execute(`update models set meta = ? where id = 'broken'`, [JSON.stringify(META)]);
    });
  });

  describe('versions and audit rows', () => {
    it.each([
      `update model_versions set change_reason = 'x'`,
      `delete from model_versions`,
      `truncate model_versions cascade`,
      `update model_tier_audit_logs set reason = 'x'`,
      `delete from model_tier_audit_logs`,
      `truncate model_tier_audit_logs`,
    ])('refuse: %s', async (statement) => {
      await expect(execute(statement)).rejects.toThrow('append-only');
    });
  });
});
