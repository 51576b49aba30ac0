import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { decodeCursor, encodeCursor, pageOf } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import { diffDocuments, type DocumentChange } from '../domain/document-diff.js';
import { ModelTierAuditLog } from '../model-tier-audit-log.entity.js';
import { ModelVersion } from '../model-version.entity.js';
import type { StoredModel } from '../model.repository.js';
import { ModelVersionNotFoundError } from '../models.errors.js';
import { ModelsService, type EditRequest } from '../models.service.js';

interface PageRequest {
  limit: number;
  cursor?: string | undefined;
}

/** What models were, and who changed them. */
@Injectable()
export class ModelHistoryService {
  constructor(
    private readonly em: EntityManager,
    private readonly models: ModelsService,
  ) {}

  /** A model's versions, newest first. @throws ModelNotFoundError */
  async versions(id: string, page: PageRequest): Promise<{ versions: ModelVersion[]; nextCursor: string | null }> {
    await this.models.read(id);
    const before = decodeCursor(page.cursor, (text) => /^\d{1,9}$/.test(text));
    const found = await this.em
      .fork()
      .find(
        ModelVersion,
        { modelId: id, ...(before !== undefined && { versionNo: { $lt: Number(before) } }) },
        { orderBy: { versionNo: 'desc' }, limit: page.limit + 1 },
      );
    const { rows, next } = pageOf(found, page.limit, ({ versionNo }) => String(versionNo));
    return { versions: rows, nextCursor: encodeCursor(next) };
  }

  /** @throws ModelNotFoundError, ModelVersionNotFoundError */
  async version(id: string, versionNo: number): Promise<ModelVersion> {
    const { versionNo: latest } = await this.models.read(id);
    const version = await this.em.fork().findOne(ModelVersion, { modelId: id, versionNo });
    if (!version) throw new ModelVersionNotFoundError(id, versionNo, latest);
    return version;
  }

  /**
   * What changed from one version to another; without `from`, since the version before.
   * @throws ModelNotFoundError, ModelVersionNotFoundError
   */
  async diff(
    id: string,
    { to, from }: { to: number; from?: number | undefined },
  ): Promise<{ from: number | null; to: number; changes: DocumentChange[] }> {
    const after = await this.version(id, to);
    const fromNo = from ?? (to > 1 ? to - 1 : null);
    const before = fromNo === null ? undefined : await this.version(id, fromNo);
    return { from: fromNo, to, changes: diffDocuments(before?.meta ?? {}, after.meta) };
  }

  /** Makes an earlier meta the present one, as a new version. Its names and successor must still fit beside the other models. */
  async restore(edit: EditRequest, versionNo: number): Promise<StoredModel> {
    const { meta } = await this.version(edit.id, versionNo);
    return this.models.edit(edit, () => ({ meta }));
  }

  /** Changes of names, tier rules and lifecycle over all models, or of one, newest first. */
  async audits(
    filter: { modelId?: string | undefined },
    page: PageRequest,
  ): Promise<{ audits: ModelTierAuditLog[]; nextCursor: string | null }> {
    const before = decodeCursor(page.cursor, isUuid);
    const found = await this.em.fork().find(
      ModelTierAuditLog,
      {
        ...(filter.modelId !== undefined && { modelId: filter.modelId }),
        ...(before !== undefined && { id: { $lt: before } }),
      },
      { orderBy: { id: 'desc' }, limit: page.limit + 1 },
    );
    const { rows, next } = pageOf(found, page.limit, (audit) => audit.id);
    return { audits: rows, nextCursor: encodeCursor(next) };
  }
}
