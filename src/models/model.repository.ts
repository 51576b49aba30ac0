import { EntityRepository, LockMode, raw, type FilterQuery } from '@mikro-orm/postgresql';
import type { Tier } from '../common/domain/tiers.js';
import { newId } from '../common/ids.js';
import type { Capability, ModelMeta } from './domain/model-meta.js';
import { isSameValue } from './domain/parameter-value.js';
import { tierAndLifecycle } from './domain/tier-and-lifecycle.js';
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
}

/** Who changes a model, why and when. A program rather than a person has no `actorId`. */
export interface ModelChange {
  actorId: string | null;
  ip?: string | null;
  reason: string;
  at: Date;
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
  /** The driver hands times over as text. */
  created_at: string;
}

export const LIFECYCLES = ['available', 'unavailable', 'legacy', 'archived'] as const;

export type Lifecycle = (typeof LIFECYCLES)[number];

export interface ModelFilter {
  provider?: string | undefined;
  tier?: Tier | undefined;
  capability?: Capability | undefined;
  lifecycle?: Lifecycle | undefined;
}

export class ModelRepository extends EntityRepository<Model> {
  /** Every model with the number of its current version, in one statement, so that meta and version belong together. */
  async findCatalogue(): Promise<CatalogueRow[]> {
    return this.getEntityManager().execute<CatalogueRow[]>(
      `select m.id, m.name, m.provider, m.is_available, m.is_legacy, m.is_archived, m.meta, m.created_at,
                coalesce((select max(v.version_no) from model_versions v where v.model_id = m.id), 0) as version_no
           from models m order by m.id`,
    );
  }

  /** One page of models by id, those after `afterId`. */
  async findPage(filter: ModelFilter, page: { limit: number; afterId?: string | undefined }): Promise<Model[]> {
    const conditions: FilterQuery<Model>[] = [];
    if (page.afterId !== undefined) conditions.push({ id: { $gt: page.afterId } });
    if (filter.provider !== undefined) conditions.push({ provider: filter.provider });
    if (filter.lifecycle !== undefined) conditions.push(LIFECYCLE_CONDITIONS[filter.lifecycle]);
    const required = raw(`meta->>'requiredTier'`);
    if (filter.tier === 'free') conditions.push({ $or: [{ [required]: 'free' }, { [required]: null }] });
    else if (filter.tier !== undefined) conditions.push({ [required]: filter.tier });
    if (filter.capability !== undefined) {
      conditions.push({ [raw(`meta->'capabilities' @> ?::jsonb`, [JSON.stringify([filter.capability])])]: [] });
    }
    return this.find({ $and: conditions }, { orderBy: { id: 'asc' }, limit: page.limit });
  }

  async findVersionNumbers(ids: readonly string[]): Promise<Map<string, number>> {
    if (ids.length === 0) return new Map();
    const rows = await this.getEntityManager().execute<{ model_id: string; version_no: number }[]>(
      `select model_id, max(version_no) as version_no from model_versions where model_id in (?) group by model_id`,
      [ids],
    );
    return new Map(rows.map((row) => [row.model_id, row.version_no]));
  }

  /**
   * Writes a model, a version where its meta changed, and an audit row where its tier rule or life did. Belongs in a transaction.
   * @returns the number of the current version
   */
  async store(draft: ModelDraft, change: ModelChange): Promise<number> {
    const em = this.getEntityManager();
    const existing = await this.findOne(draft.id, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const before = existing && { meta: existing.meta, audit: tierAndLifecycle(existing, existing.meta) };
    const model = existing ?? em.create(Model, { ...draft, createdAt: change.at, updatedAt: change.at });
    if (existing) em.assign(existing, { ...draft, updatedAt: change.at }, { mergeObjectProperties: false });
    const latest = (await this.findVersionNumbers([draft.id])).get(draft.id) ?? 0;
    const isMetaNew = latest === 0 || !before || !isSameValue(before.meta, draft.meta);
    if (isMetaNew) {
      em.create(ModelVersion, {
        modelId: draft.id,
        versionNo: latest + 1,
        meta: draft.meta,
        changedBy: change.actorId,
        changeReason: change.reason,
        createdAt: change.at,
      });
    }
    await em.persist(model).flush();
    const after = tierAndLifecycle(model, draft.meta);
    if (before && !isSameValue(before.audit, after)) {
      em.create(ModelTierAuditLog, {
        id: newId(),
        modelId: draft.id,
        previous: before.audit,
        next: after,
        reason: change.reason,
        actorId: change.actorId,
        ip: change.ip ?? null,
        createdAt: change.at,
      });
      await em.flush();
    }
    return isMetaNew ? latest + 1 : latest;
  }
}

const LIFECYCLE_CONDITIONS: Readonly<Record<Lifecycle, FilterQuery<Model>>> = {
  available: { isAvailable: true, isArchived: false },
  unavailable: { isAvailable: false, isArchived: false },
  legacy: { isLegacy: true, isArchived: false },
  archived: { isArchived: true },
};
