import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Notifications } from '../database/notifications.js';
import type { CatalogueModel } from './domain/catalogue-model.js';
import { formatPath } from './domain/document-issue.js';
import { StoredModelMeta, type ModelMeta } from './domain/model-meta.js';
import { modelPrices } from './domain/model-prices.js';
import { ModelVersion } from './model-version.entity.js';
import { Model } from './model.entity.js';
import type { CatalogueRow } from './model.repository.js';

/** On which the database tells of every change of `models`. */
const MODELS_CHANNEL = 'tollgate_models';

/** Most generations between a legacy model and the one that is offered today. */
const SUCCESSORS_MAX = 20;

/** The whole catalogue in memory, so that no request asks the database about a model. */
@Injectable()
export class CatalogueService implements OnModuleInit {
  private readonly logger = new Logger(CatalogueService.name);
  private models: readonly CatalogueModel[] = [];
  private byName: ReadonlyMap<string, CatalogueModel> = new Map();

  private readings = 0;
  private running: Promise<void> | undefined;
  private queued: Promise<void> | undefined;

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
  ) {}

  /** Listens first: a change between a reading and a listening would be missed. */
  async onModuleInit(): Promise<void> {
    await this.notifications.listen(MODELS_CHANNEL, () => this.reload());
    await this.reload();
  }

  /** The model with this id, or with this alias. An id goes before an equal alias. */
  find(idOrAlias: string): CatalogueModel | undefined {
    return this.byName.get(idOrAlias);
  }

  /** The model as it is, but with the meta and the prices of one of its versions: those that a hold was taken at. */
  async atVersion(model: CatalogueModel, versionNo: number): Promise<CatalogueModel> {
    if (model.versionNo === versionNo) return model;
    const version = await this.em.fork().findOne(ModelVersion, { modelId: model.id, versionNo });
    if (!version) throw new Error(`the model ${model.id} has no version ${versionNo}`);
    const meta = StoredModelMeta.parse(version.meta) as ModelMeta;
    return { ...model, meta, versionNo, prices: modelPrices(meta) };
  }

  /** What is called in place of a legacy model: the first of its successors that is not legacy itself. */
  successorOf(model: CatalogueModel): CatalogueModel | undefined {
    let next = this.nextOf(model);
    // Saving refuses circles, but rows can also be written past it.
    for (let steps = 0; next?.isLegacy && steps < SUCCESSORS_MAX; steps++) next = this.nextOf(next);
    return next?.isLegacy ? undefined : next;
  }

  /** Every model, by id. */
  list(): readonly CatalogueModel[] {
    return this.models;
  }

  /** Grows with every reading: what was made of the catalogue is good as long as this stays. */
  get generation(): number {
    return this.readings;
  }

  /**
   * Reads the catalogue anew; whatever was committed before the call is in it when this resolves. A row that this version cannot read is
   * left out, so that one bad edit does not take every model away.
   */
  reload(): Promise<void> {
    // One reading that has not begun serves all who ask meanwhile; one under way may have missed what they wrote.
    this.queued ??= (this.running ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.queued = undefined;
        this.running = this.load();
        return this.running;
      });
    return this.queued;
  }

  private async load(): Promise<void> {
    const rows = await this.em.fork().getRepository(Model).findCatalogue();
    const models = rows.flatMap((row) => this.read(row));
    const aliases = models.flatMap((model) => (model.meta.aliases ?? []).map((alias) => [alias, model] as const));
    this.byName = new Map([...aliases, ...models.map((model) => [model.id, model] as const)]);
    this.models = models;
    this.readings += 1;
  }

  private nextOf({ meta }: CatalogueModel): CatalogueModel | undefined {
    return meta.legacyReplacementModelId === undefined ? undefined : this.byName.get(meta.legacyReplacementModelId);
  }

  private read(row: CatalogueRow): CatalogueModel[] {
    const parsed = StoredModelMeta.safeParse(row.meta);
    if (!parsed.success) {
      const faults = parsed.error.issues.map((issue) => `${formatPath(['meta', ...issue.path])}: ${issue.message}`);
      this.logger.error(`model ${row.id} is left out of the catalogue: ${faults.join('; ')}`);
      return [];
    }
    const meta = parsed.data as ModelMeta;
    return [
      {
        id: row.id,
        name: row.name,
        provider: row.provider,
        isAvailable: row.is_available,
        isLegacy: row.is_legacy,
        isArchived: row.is_archived,
        meta,
        versionNo: row.version_no,
        createdAt: new Date(row.created_at),
        legacySince: row.legacy_since === null ? null : new Date(row.legacy_since),
        prices: modelPrices(this.pricedMeta(row) ?? meta),
      },
    ];
  }

  /** The meta of the version that a charge names, where it is another than the row's: what is charged can be computed again. */
  private pricedMeta({ id, version_no: versionNo, versioned_meta: versioned }: CatalogueRow): ModelMeta | null {
    const parsed = versioned === null ? null : StoredModelMeta.safeParse(versioned);
    if (!parsed?.success) return null;
    this.logger.warn(`model ${id} was changed past its versions: until it is saved its price is that of ${versionNo}`);
    return parsed.data as ModelMeta;
  }
}
