import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { decodeCursor, encodeCursor } from '../common/http/paging.js';
import { CatalogueService } from './catalogue.service.js';
import type { CatalogueModel } from './domain/catalogue-model.js';
import { catalogueIssues } from './domain/catalogue-issues.js';
import { formatPath } from './domain/document-issue.js';
import { MODEL_ID_PATTERN, ModelMeta } from './domain/model-meta.js';
import { Model } from './model.entity.js';
import type { ModelChange, ModelDraft, ModelFilter } from './model.repository.js';

/** A page of the console's list. The cursor is the last id, which is all the next page needs to know. */
export interface ModelPage {
  models: { model: Model; versionNo: number }[];
  nextCursor: string | null;
}

@Injectable()
export class ModelsService {
  constructor(
    private readonly em: EntityManager,
    private readonly catalogue: CatalogueService,
    private readonly clock: Clock,
  ) {}

  /**
   * Creates or changes a model: the row, the version and the audit row in one transaction; then the catalogue follows.
   * @throws InvalidRequestError naming every fault of the model with its path
   */
  async save(
    draft: Omit<ModelDraft, 'meta'> & { meta: unknown },
    change: Omit<ModelChange, 'at'>,
  ): Promise<CatalogueModel> {
    const meta = this.validate(draft);
    await this.em
      .fork()
      .transactional((em) => em.getRepository(Model).store({ ...draft, meta }, { ...change, at: this.clock.now() }));
    await this.catalogue.reload();
    const saved = this.catalogue.find(draft.id);
    if (!saved) throw new Error(`the model ${draft.id} was saved but is not in the catalogue`);
    return saved;
  }

  /** One page for the console, archived models included. */
  async listPage(filter: ModelFilter, page: { limit: number; cursor?: string | undefined }): Promise<ModelPage> {
    const repository = this.em.fork().getRepository(Model);
    const afterId = decodeCursor(page.cursor, (text) => MODEL_ID_PATTERN.test(text));
    const found = await repository.findPage(filter, { limit: page.limit + 1, afterId });
    const shown = found.slice(0, page.limit);
    const versions = await repository.findVersionNumbers(shown.map((model) => model.id));
    const last = found.length > page.limit ? shown.at(-1) : undefined;
    return {
      models: shown.map((model) => ({ model, versionNo: versions.get(model.id) ?? 0 })),
      nextCursor: encodeCursor(last?.id ?? null),
    };
  }

  private validate(draft: { id: string; name: string; provider: string; meta: unknown }): ModelMeta {
    const parsed = ModelMeta.safeParse(draft.meta);
    const issues = parsed.success
      ? catalogueIssues({ id: draft.id, meta: parsed.data }, this.catalogue.list())
      : parsed.error.issues.map(({ path, message }) => ({ path: ['meta', ...path], message }));
    const errors = issues.map(({ path, message }) => ({ field: formatPath(path), message }));
    if (!MODEL_ID_PATTERN.test(draft.id)) {
      errors.push({ field: 'id', message: 'must be 1 to 100 letters, digits or . _ : / -' });
    }
    for (const field of ['name', 'provider'] as const) {
      if (draft[field].trim() === '') errors.push({ field, message: 'must not be empty' });
    }
    if (!parsed.success || errors.length > 0) throw InvalidRequestError.of(errors);
    return parsed.data;
  }
}
