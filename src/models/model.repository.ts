import { EntityRepository, type FindOneOptions, LockMode } from '@mikro-orm/postgresql';
import { newId } from '../common/ids.js';
import type { Neighbour } from './domain/catalogue-issues.js';
import { lifecycleOf, type Lifecycle } from './domain/lifecycle.js';
import type { ModelMeta } from './domain/model-meta.js';
import { isSameValue } from './domain/parameter-value.js';
import { modelRecord, type LifecycleFlags, type ModelRecord } from './domain/tier-and-lifecycle.js';
import { pageQuery, type ModelFilter, type ModelSort } from './model-page-query.js';
import { ModelTierAuditLog } from './model-tier-audit-log.entity.js';
import { ModelVersion } from './model-version.entity.js';
import { Model } from './model.entity.js';

/** A model as it is to be stored. Flags left out stay as they are, or take the column's default. */
export interface ModelDraft {
  id: string;
  name: string;
  provider: string;
  isAvailable?: boolean;
  isLegacy?: boolean;
  isArchived?: boolean;
  meta: ModelMeta;
  /** When the model came into being elsewhere; left out, now. One that is there keeps its own. */
  createdAt?: Date;
}

/** Who changes a model, why and when. A program rather than a person has no `actorId`. */
export interface ModelChange {
  actorId: string | null;
  ip?: string | null;
  requestId?: string | null;
  reason: string;
  at: Date;
}

/** All of a model that an operator can change. */
export type WholeModel = LifecycleFlags & { name: string; provider: string; meta: ModelMeta };

/** A model as a change found and left it. */
export interface WrittenModel {
  id: string;
  before: WholeModel | null;
  after: WholeModel;
}

/** A row with the number of the version that holds its meta. */
export interface StoredModel {
  model: Model;
  versionNo: number;
}

export interface CatalogueRow {
  id: string;
  name: string;
  provider: string;
  is_available: boolean;
  is_legacy: boolean;
  is_archived: boolean;
  meta: unknown;
  version_no: number;
  /** The meta of that version, where the row holds another: a hand at the database wrote it. */
  versioned_meta: unknown;
  /** The driver hands times over as text. */
  created_at: string;
  legacy_since: string | null;
}

/** A model as the rules between models see it, and where it stands. */
export type LivingNeighbour = Neighbour & { lifecycle: Lifecycle };

/** Whoever changes the catalogue holds this lock: names and successors are rules between models, which no row lock guards. */
const CATALOGUE_LOCK = `select pg_advisory_xact_lock(hashtext('tollgate.models'))`;

const LATEST_VERSION = `select version_no, meta from model_versions where model_id = m.id order by version_no desc limit 1`;

export class ModelRepository extends EntityRepository<Model> {
  /** Every model with the number of its current version, in one statement, so that meta and version belong together. */
  async findCatalogue(): Promise<CatalogueRow[]> {
    return this.getEntityManager().execute<CatalogueRow[]>(
      `select m.id, m.name, m.provider, m.is_available, m.is_legacy, m.is_archived, m.meta, m.created_at,
                coalesce(v.version_no, 0) as version_no, case when v.meta <> m.meta then v.meta end as versioned_meta,
                case when m.is_legacy then (select max(l.created_at) from model_tier_audit_logs l
                  where l.model_id = m.id and (l.next->>'isLegacy')::boolean and not (l.previous->>'isLegacy')::boolean) end as legacy_since
           from models m left join lateral (${LATEST_VERSION}) v on true order by m.id`,
    );
  }

  /** Those of the models whose meta is not that of their latest version. */
  private async findUnversioned(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.getEntityManager().execute<{ id: string }[]>(
      `select m.id from models m join lateral (${LATEST_VERSION}) v on true where m.id in (?) and v.meta <> m.meta`,
      [ids],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** One page of models in the order of `sort`, those after the place that `after` names, and how the next page would name its own. */
  async findPage(
    filter: ModelFilter,
    page: { sort: ModelSort; limit: number; after?: string | undefined },
  ): Promise<{ models: Model[]; places: string[] }> {
    const { sql, parameters } = pageQuery(filter, page);
    const rows = await this.getEntityManager().execute<{ id: string; place: string }[]>(sql, parameters);
    const found = new Map(
      (await this.find({ id: { $in: rows.map(({ id }) => id) } })).map((model) => [model.id, model]),
    );
    return { models: rows.flatMap(({ id }) => found.get(id) ?? []), places: rows.map(({ place }) => place) };
  }

  async findVersionNumbers(ids: readonly string[]): Promise<Map<string, number>> {
    if (ids.length === 0) return new Map();
    const rows = await this.getEntityManager().execute<{ model_id: string; version_no: number }[]>(
      `select model_id, max(version_no) as version_no from model_versions where model_id in (?) group by model_id`,
      [ids],
    );
    return new Map(rows.map((row) => [row.model_id, row.version_no]));
  }

  async findStored(id: string, options?: FindOneOptions<Model>): Promise<StoredModel | null> {
    const model = await this.findOne(id, options);
    return model && { model, versionNo: (await this.findVersionNumbers([id])).get(id) ?? 0 };
  }

  /** The same of what the transaction has written: as the database has it, which puts the members of a document in an order of its own. */
  async findWritten(id: string): Promise<StoredModel | null> {
    this.getEntityManager().clear();
    return this.findStored(id);
  }

  /** Every model, by its id. */
  async findAllStored(): Promise<StoredModel[]> {
    this.getEntityManager().clear();
    const models = await this.findAll({ orderBy: { id: 'asc' } });
    const numbers = await this.findVersionNumbers(models.map(({ id }) => id));
    return models.map((model) => ({ model, versionNo: numbers.get(model.id) ?? 0 }));
  }

  /** The row as it is now and with nobody changing it before the transaction ends; null where there is none. */
  async findForChange(id: string): Promise<StoredModel | null> {
    await this.lockCatalogue();
    return this.findStored(id, { lockMode: LockMode.PESSIMISTIC_WRITE });
  }

  async lockCatalogue(): Promise<void> {
    await this.getEntityManager().execute(CATALOGUE_LOCK);
  }

  /** What the rules between models look at, of every model. */
  async findNeighbours(): Promise<LivingNeighbour[]> {
    const rows = await this.getEntityManager().execute<
      (Pick<CatalogueRow, 'id' | 'is_available' | 'is_legacy' | 'is_archived'> & {
        aliases: string[] | null;
        successor: string | null;
      })[]
    >(
      `select id, is_available, is_legacy, is_archived, meta->'aliases' as aliases, meta->>'legacyReplacementModelId' as successor
         from models`,
    );
    return rows.map(({ id, aliases, successor, ...flags }) => ({
      id,
      lifecycle: lifecycleOf({
        isAvailable: flags.is_available,
        isLegacy: flags.is_legacy,
        isArchived: flags.is_archived,
      }),
      meta: { ...(aliases && { aliases }), ...(successor !== null && { legacyReplacementModelId: successor }) },
    }));
  }

  /** Models that users were told would be gone by `today`, and are not. */
  async findDueForSunset(today: string): Promise<string[]> {
    const rows = await this.getEntityManager().execute<{ id: string }[]>(
      `select id from models where not is_archived and meta->>'sunsetDate' <= ? order by id`,
      [today],
    );
    return rows.map(({ id }) => id);
  }

  /**
   * Writes a model, a version where its meta changed, and an audit row where its name, its tier rule or its life did. Belongs in a
   * transaction.
   */
  async store(draft: ModelDraft, change: ModelChange): Promise<WrittenModel> {
    const [written] = await this.storeAll([draft], change);
    return written!;
  }

  /** The same for many models in a few statements. Their ids differ. */
  async storeAll(drafts: readonly ModelDraft[], change: ModelChange): Promise<WrittenModel[]> {
    const em = this.getEntityManager();
    const ids = drafts.map(({ id }) => id);
    const locked = await this.find(
      { id: { $in: ids } },
      { lockMode: LockMode.PESSIMISTIC_WRITE, orderBy: { id: 'asc' } },
    );
    const existing = new Map(locked.map((model) => [model.id, model]));
    const numbers = await this.findVersionNumbers(ids);
    const unversioned = ids.length > 0 ? await this.findUnversioned(ids) : new Set();
    const written: { before: WholeModel | null; model: Model }[] = [];
    for (const { createdAt = change.at, ...draft } of drafts) {
      const stored = existing.get(draft.id);
      const before = stored ? wholeModel(stored) : null;
      const model = stored ?? em.create(Model, { ...draft, createdAt, updatedAt: change.at });
      if (stored) em.assign(stored, { ...draft, updatedAt: change.at }, { mergeObjectProperties: false });
      em.persist(model);
      written.push({ before, model });
      const latest = numbers.get(draft.id) ?? 0;
      const isSame = before !== null && isSameValue(before.meta, draft.meta);
      if (latest > 0 && isSame && !unversioned.has(draft.id)) continue;
      numbers.set(draft.id, latest + 1);
      em.create(ModelVersion, {
        modelId: draft.id,
        versionNo: latest + 1,
        meta: draft.meta,
        changedBy: change.actorId,
        changeReason: change.reason,
        createdAt: change.at,
      });
    }
    await em.flush();
    for (const { before, model } of written) {
      if (!before) continue;
      const [previous, next] = [modelRecord(before), modelRecord(model)];
      if (!isSameValue(previous, next)) this.audit({ modelId: model.id, previous, next }, change);
    }
    await em.flush();
    return written.map(({ before, model }) => ({ id: model.id, before, after: wholeModel(model) }));
  }

  private audit(
    entry: { modelId: string; previous: ModelRecord; next: ModelRecord },
    { actorId, ip, reason, at }: ModelChange,
  ): void {
    const row = { id: newId(), ...entry, reason, actorId, ip: ip ?? null, createdAt: at };
    this.getEntityManager().create(ModelTierAuditLog, row);
  }
}

function wholeModel({ name, provider, isAvailable, isLegacy, isArchived, meta }: Model): WholeModel {
  return { name, provider, isAvailable, isLegacy, isArchived, meta };
}
