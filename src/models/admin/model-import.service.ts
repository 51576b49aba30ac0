import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { FieldError } from '../../common/errors/app-error.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { Clock } from '../../common/clock.js';
import { assertIfMatch, etagOf } from '../../common/http/etag.js';
import { neighbourhoodOf, type Neighbourhood } from '../domain/catalogue-issues.js';
import { diffDocuments, type DocumentChange } from '../domain/document-diff.js';
import { flagsOf, lifecycleOf, TRANSITIONS, type Lifecycle } from '../domain/lifecycle.js';
import type { ModelMeta } from '../domain/model-meta.js';
import type { LifecycleFlags } from '../domain/tier-and-lifecycle.js';
import { checkModel } from '../model-check.js';
import { dayOf, refusalsOf } from '../model-lifecycle.service.js';
import { Model } from '../model.entity.js';
import type { LivingNeighbour, ModelDraft, ModelRepository, StoredModel } from '../model.repository.js';
import { modelEtag, ModelsService, namesOf, type Cause } from '../models.service.js';

/** One model of a document. Without a lifecycle one that is there keeps its own, and a new one is offered. */
export interface ImportEntry {
  id: string;
  name: string;
  provider: string;
  lifecycle?: Lifecycle | undefined;
  /** Instead of a lifecycle, for programs that carry flags over as they were, whatever step that is. */
  flags?: LifecycleFlags | undefined;
  meta: unknown;
  createdAt?: Date | undefined;
}

export interface ExportedModel extends ImportEntry {
  lifecycle: Lifecycle;
  meta: ModelMeta;
}

/** What would become of one entry. */
export interface PlannedChange {
  id: string;
  action: 'create' | 'update' | 'unchanged' | 'refused';
  changes: DocumentChange[];
  errors: FieldError[];
}

export interface ImportPlan {
  /** Of the whole catalogue: applying names it, so that what happens is what was shown. */
  etag: string;
  changes: PlannedChange[];
}

type Plan = ImportPlan & { drafts: ModelDraft[] };

/** Faults of one answer; a document with more has one cause. */
const ERRORS_MAX = 200;

/** The catalogue as a document: out, and in again after a look at what would change. Models that a document leaves out stay as they are. */
@Injectable()
export class ModelImportService {
  constructor(
    private readonly em: EntityManager,
    private readonly models: ModelsService,
    private readonly clock: Clock,
  ) {}

  async export(): Promise<{ etag: string; models: ExportedModel[] }> {
    const stored = await this.em.fork().getRepository(Model).findAllStored();
    const models = stored.map(({ model }) => ({
      id: model.id,
      name: model.name,
      provider: model.provider,
      lifecycle: lifecycleOf(model),
      meta: model.meta,
    }));
    return { etag: catalogueEtag(stored), models };
  }

  /** What applying would do now. Writes nothing. */
  async preview(entries: readonly ImportEntry[]): Promise<ImportPlan> {
    const { etag, changes } = await planOf(this.em.fork().getRepository(Model), entries, dayOf(this.clock.now()));
    return { etag, changes };
  }

  /**
   * All of the document or nothing.
   * @throws IfMatchRequiredError, StaleEtagError, InvalidRequestError naming every entry at fault
   */
  async apply(entries: readonly ImportEntry[], cause: Cause & { ifMatch: string | undefined }): Promise<ImportPlan> {
    let done: ImportPlan | undefined;
    await this.models.write(cause, async (repository, change) => {
      await repository.lockCatalogue();
      const plan = await planOf(repository, entries, dayOf(change.at));
      assertIfMatch(cause.ifMatch, plan.etag);
      const errors = plan.changes.flatMap((planned) => planned.errors);
      if (errors.length > 0) throw InvalidRequestError.of(errors.slice(0, ERRORS_MAX));
      const written = await repository.storeAll(plan.drafts, change);
      // Of what this import made, and not of what somebody else makes of it right after.
      done = { etag: catalogueEtag(await repository.findAllStored()), changes: plan.changes };
      return written;
    });
    return done!;
  }
}

function catalogueEtag(stored: readonly StoredModel[]): string {
  return etagOf(stored.map(modelEtag));
}

async function planOf(repository: ModelRepository, entries: readonly ImportEntry[], today: string): Promise<Plan> {
  const stored = await repository.findAllStored();
  const existing = new Map(stored.map((one) => [one.model.id, one.model]));
  const neighbours = asTheyWouldBe(existing, entries);
  const neighbourhood = neighbourhoodOf(neighbours);
  const seen = new Set<string>();
  const planned = entries.map((entry, index) => {
    const isRepeated = seen.has(entry.id);
    seen.add(entry.id);
    return planEntry(entry, { index, isRepeated, existing: existing.get(entry.id), neighbourhood, neighbours, today });
  });
  return {
    etag: catalogueEtag(stored),
    changes: planned.map(({ change }) => change),
    drafts: planned.flatMap(({ draft }) => draft ?? []),
  };
}

/** Every model with what the document makes of it. */
function asTheyWouldBe(existing: ReadonlyMap<string, Model>, entries: readonly ImportEntry[]): LivingNeighbour[] {
  const living = new Map<string, LivingNeighbour>();
  for (const [id, model] of existing) living.set(id, { id, meta: namesOf(model.meta), lifecycle: lifecycleOf(model) });
  for (const { id, meta, flags, lifecycle } of entries) {
    const next = flags ? lifecycleOf(flags) : (lifecycle ?? living.get(id)?.lifecycle ?? 'available');
    living.set(id, { id, meta: namesOf(meta), lifecycle: next });
  }
  return [...living.values()];
}

interface EntryContext {
  index: number;
  isRepeated: boolean;
  existing: Model | undefined;
  neighbourhood: Neighbourhood;
  neighbours: readonly LivingNeighbour[];
  today: string;
}

function planEntry(
  entry: ImportEntry,
  { index, isRepeated, existing, neighbourhood, neighbours, today }: EntryContext,
): { change: PlannedChange; draft?: ModelDraft } {
  const { id, name, provider, lifecycle } = entry;
  const { meta, errors } = checkModel(entry, neighbourhood);
  const faults = [...errors];
  if (isRepeated) faults.push({ field: 'id', message: 'appears twice in the document' });
  const before = existing && { name: existing.name, provider: existing.provider, lifecycle: lifecycleOf(existing) };
  const isStep = before && lifecycle && lifecycle !== before.lifecycle;
  if (isStep && !TRANSITIONS[before.lifecycle].includes(lifecycle)) {
    const allowed = TRANSITIONS[before.lifecycle].join(' or ');
    faults.push({ field: 'lifecycle', message: `cannot follow ${before.lifecycle}, after which comes ${allowed}` });
  } else if (isStep && meta) {
    const refusals = refusalsOf({ id, from: before.lifecycle, to: lifecycle, meta, neighbours, today });
    faults.push(...refusals.map((message) => ({ field: 'lifecycle', message })));
  }
  if (faults.length > 0 || !meta) {
    const named = faults.map(({ field, message }) => ({ field: `models[${index}].${field}`, message }));
    return { change: { id, action: 'refused', changes: [], errors: named } };
  }
  const after = { name, provider, lifecycle: lifecycle ?? before?.lifecycle ?? 'available' };
  const changes = diffDocuments(
    existing ? { ...before, ...(entry.flags && flagsIn(existing)), meta: existing.meta } : {},
    { ...after, ...entry.flags, ...(entry.flags && { lifecycle: lifecycleOf(entry.flags) }), meta },
  );
  if (existing && changes.length === 0) return { change: { id, action: 'unchanged', changes, errors: [] } };
  // The flags of a model that takes no step stay as they are, even where no lifecycle would have them so.
  const flags = entry.flags ?? (!existing || isStep ? flagsOf(after.lifecycle) : {});
  return {
    change: { id, action: existing ? 'update' : 'create', changes, errors: [] },
    draft: { id, name, provider, ...flags, meta, ...(entry.createdAt && { createdAt: entry.createdAt }) },
  };
}

function flagsIn({ isAvailable, isLegacy, isArchived }: LifecycleFlags): LifecycleFlags {
  return { isAvailable, isLegacy, isArchived };
}
