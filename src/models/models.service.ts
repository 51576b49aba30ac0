import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { assertIfMatch, etagOf } from '../common/http/etag.js';
import { decodeCursor, encodeCursor } from '../common/http/paging.js';
import { AuditTrail } from '../monitoring/audit-trail.service.js';
import { CatalogueService } from './catalogue.service.js';
import { neighbourhoodOf, type Neighbour } from './domain/catalogue-issues.js';
import { lifecycleOf } from './domain/lifecycle.js';
import type { ModelMeta } from './domain/model-meta.js';
import { checkModel, columnErrors, type ModelToCheck } from './model-check.js';
import { Model } from './model.entity.js';
import type {
  LivingNeighbour,
  ModelChange,
  ModelDraft,
  ModelRepository,
  StoredModel,
  WrittenModel,
} from './model.repository.js';
import { isPlace, type ModelFilter, type ModelSort } from './model-page-query.js';
import { ModelExistsError, ModelNotFoundError } from './models.errors.js';

/** A page of the console's list. */
export interface ModelPage {
  models: StoredModel[];
  nextCursor: string | null;
}

/** Who changes models, why and from where. */
export type Cause = Omit<ModelChange, 'at'>;

/** Who asks for a change, and from which state they made it. */
export interface EditRequest extends Cause {
  id: string;
  /** The header as it came; programs, which cannot have read an older state, pass `*`. */
  ifMatch: string | undefined;
}

/** What a change makes of a model; members left out stay. */
export type ModelEdit = Partial<Omit<ModelDraft, 'id' | 'meta'>> & { meta?: unknown };

/** What a change may look at beside the model itself: the others, as they are under the lock. */
export interface EditContext {
  neighbours: readonly LivingNeighbour[];
  now: Date;
}

/** Validator of everything an operator sees of a model. The version stands for the meta, save that only its rows hold all of it. */
export function modelEtag({ model, versionNo }: StoredModel): string {
  const { id, name, provider, meta } = model;
  return etagOf([id, name, provider, lifecycleOf(model), model.isLegacy, versionNo, meta]);
}

/** The one way in which models come into being and change: row, version and audit row in one transaction, then the catalogue follows. */
@Injectable()
export class ModelsService {
  private readonly logger = new Logger(ModelsService.name);

  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
    private readonly clock: Clock,
    private readonly audit: AuditTrail,
  ) {}

  /** @throws ModelNotFoundError. An alias is no id here. */
  async read(id: string): Promise<StoredModel> {
    const stored = await this.em.fork().getRepository(Model).findStored(id);
    if (!stored) throw ModelNotFoundError.of(id);
    return stored;
  }

  /** Those of the models that are there. */
  async readSome(ids: readonly string[]): Promise<StoredModel[]> {
    const repository = this.em.fork().getRepository(Model);
    const models = await repository.find({ id: { $in: [...ids] } });
    const numbers = await repository.findVersionNumbers(models.map(({ id }) => id));
    return models.map((model) => ({ model, versionNo: numbers.get(model.id) ?? 0 }));
  }

  /** Every model as the rules between models see it. */
  async neighbours(): Promise<LivingNeighbour[]> {
    return this.em.fork().getRepository(Model).findNeighbours();
  }

  /** Models whose sunset date has come by `today` and that are not archived yet. */
  async dueForSunset(today: string): Promise<string[]> {
    return this.em.fork().getRepository(Model).findDueForSunset(today);
  }

  /**
   * A new model.
   * @throws ModelExistsError, InvalidRequestError naming every fault with its path
   */
  async create(draft: Omit<ModelDraft, 'meta'> & { meta: unknown }, cause: Cause): Promise<StoredModel> {
    return this.writeOne(draft.id, cause, async (repository, change) => {
      await repository.lockCatalogue();
      if (await repository.findOne(draft.id)) throw new ModelExistsError(draft.id);
      const meta = checked(draft, await repository.findNeighbours());
      return [await repository.store({ ...draft, meta }, change)];
    });
  }

  /**
   * Changes a model that is there, from the state that the caller has seen.
   * @throws ModelNotFoundError, IfMatchRequiredError, StaleEtagError, InvalidRequestError and what `edit` throws
   */
  async edit(
    { id, ifMatch, ...cause }: EditRequest,
    edit: (stored: StoredModel, context: EditContext) => ModelEdit | Promise<ModelEdit>,
  ): Promise<StoredModel> {
    return this.writeOne(id, cause, async (repository, change) => {
      const stored = await repository.findForChange(id);
      if (!stored) throw ModelNotFoundError.of(id);
      assertIfMatch(ifMatch, modelEtag(stored));
      const neighbours = await repository.findNeighbours();
      const { meta: newMeta, ...columns } = await edit(stored, { neighbours, now: change.at });
      const { name, provider, meta: oldMeta } = stored.model;
      const draft = { id, name, provider, ...columns };
      // A meta that is left alone is not judged again: a newer version may have written more than this one knows.
      const isMetaNew = newMeta !== undefined && newMeta !== oldMeta;
      const meta = isMetaNew ? checked({ ...draft, meta: newMeta }, neighbours) : oldMeta;
      const faults = isMetaNew ? [] : columnErrors({ ...draft, meta });
      if (faults.length > 0) throw InvalidRequestError.of(faults);
      return [await repository.store({ ...draft, meta }, change)];
    });
  }

  /** One page for the console, archived models included. */
  async listPage(
    filter: ModelFilter,
    page: { limit: number; cursor?: string | undefined; sort?: ModelSort | undefined },
  ): Promise<ModelPage> {
    const repository = this.em.fork().getRepository(Model);
    const after = decodeCursor(page.cursor, isPlace);
    const { limit, sort = 'id' } = page;
    const found = await repository.findPage(filter, { sort, limit: limit + 1, after });
    const shown = found.models.slice(0, limit);
    const versions = await repository.findVersionNumbers(shown.map((model) => model.id));
    return {
      models: shown.map((model) => ({ model, versionNo: versions.get(model.id) ?? 0 })),
      nextCursor: encodeCursor(found.places.length > limit ? (found.places[limit - 1] ?? null) : null),
    };
  }

  /** One transaction over any number of models, with a line in the audit trail for each; then the catalogue follows. */
  async write(cause: Cause, work: Work): Promise<void> {
    const change = { ...cause, at: this.clock.now() };
    await this.em.fork().transactional(async (em) => {
      const written = await work(em.getRepository(Model), change);
      const lines = written.map(({ id, before, after }) => ({
        action: before ? 'model.update' : 'model.create',
        entity: 'model',
        entityId: id,
        before,
        after,
      }));
      await this.audit.recordAll(lines, change, change.at);
    });
    // The change is made whatever becomes of this, and the notification of it has the catalogue read until that succeeds.
    await this.catalogue
      .reload()
      .catch((error: unknown) => this.logger.warn({ err: error }, 'the catalogue was not read after a change'));
  }

  /** The model as this write left it: what somebody else makes of it right after is not what its caller has seen. */
  private async writeOne(id: string, cause: Cause, work: Work): Promise<StoredModel> {
    let stored: StoredModel | null = null;
    await this.write(cause, async (repository, change) => {
      const written = await work(repository, change);
      stored = await repository.findWritten(id);
      return written;
    });
    return stored!;
  }
}

/** What is done under the lock of the catalogue, and what it wrote. */
export type Work = (repository: ModelRepository, change: ModelChange) => Promise<WrittenModel[]>;

/** @throws InvalidRequestError naming every fault with its path */
function checked(model: ModelToCheck, neighbours: readonly Neighbour[]): ModelMeta {
  const asItWouldBe = { id: model.id, meta: namesOf(model.meta) };
  const { meta, errors } = checkModel(model, neighbourhoodOf([...neighbours, asItWouldBe]));
  if (errors.length > 0 || !meta) throw InvalidRequestError.of(errors);
  return meta;
}

/** What the rules between models read of a meta; one that is no meta is refused before they do. */
export function namesOf(meta: unknown): Neighbour['meta'] {
  const { aliases, legacyReplacementModelId } = (meta ?? {}) as Record<string, unknown>;
  return {
    ...(Array.isArray(aliases) && { aliases: aliases.filter((alias) => typeof alias === 'string') }),
    ...(typeof legacyReplacementModelId === 'string' && { legacyReplacementModelId }),
  };
}
