import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { GenerationNotFoundError } from '../generation.errors.js';
import type { GenerationsQuery } from './generation.dto.js';
import { ArchivedGeneration, Generation } from './generation.entity.js';
import { GenerationModel } from './generation-model.entity.js';

/** Runs as they are read, those of long ago among them. */
@Injectable()
export class GenerationService {
  constructor(private readonly em: EntityManager) {}

  /** Newest first, of one user or of all. @throws InvalidRequestError for a cursor that is none */
  async page(userId: string | undefined, query: GenerationsQuery) {
    const { status, projectId, isArchived, limit, cursor } = query;
    const where = {
      ...(userId && { userId }),
      ...(status && { status }),
      ...(projectId && { projectId }),
      ...beforeId(cursor),
    };
    const options = { orderBy: { id: 'desc' }, limit: limit + 1 } as const;
    const em = this.em.fork();
    const rows = isArchived
      ? await em.find(ArchivedGeneration, where as FilterQuery<ArchivedGeneration>, options)
      : await em.find(Generation, where as FilterQuery<Generation>, options);
    return pageOf<Generation | ArchivedGeneration>(rows, limit, ({ id }) => id);
  }

  /** @throws GenerationNotFoundError */
  async read(userId: string, id: string) {
    const em = this.em.fork();
    const run = await em.findOne(Generation, { id, userId });
    if (run)
      return { run, models: await em.find(GenerationModel, { generationId: id }, { orderBy: { position: 'asc' } }) };
    const archived = await em.findOne(ArchivedGeneration, { id, userId });
    if (!archived) throw new GenerationNotFoundError();
    return { run: archived, models: [] };
  }

  /** The runs of a project that have not ended, as the transaction of `em` sees them. */
  underWay(em: EntityManager, userId: string, projectId: string): Promise<Pick<Generation, 'id'>[]> {
    const where = { userId, projectId, status: { $in: ['pending', 'processing'] as const } };
    return em.find(Generation, where, { fields: ['id'] });
  }
}
