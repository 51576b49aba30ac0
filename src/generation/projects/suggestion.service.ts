import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { ProjectNotFoundError, SuggestionLimitReachedError, SuggestionNotFoundError } from '../generation.errors.js';
import { NameSuggestion } from './name-suggestion.entity.js';
import type { SuggestionsQuery } from './project.dto.js';
import { ProjectService } from './project.service.js';

/** Twenty full runs; nobody looks through more. */
export const SUGGESTIONS_PER_PROJECT_MAX = 5_000;

/** The names suggested in a project, whose owner has been checked with every call. */
@Injectable()
export class SuggestionService {
  constructor(
    private readonly em: EntityManager,
    private readonly projects: ProjectService,
  ) {}

  /** Newest first. @throws ProjectNotFoundError, InvalidRequestError for a cursor that is none */
  async page(userId: string, projectId: string, query: SuggestionsQuery) {
    await this.projects.read(userId, projectId);
    const { isFavourite, model, generationId, limit, cursor } = query;
    const where: FilterQuery<NameSuggestion> = {
      projectId,
      ...(isFavourite !== undefined && { isFavourite }),
      ...(model && { aiModel: model }),
      ...(generationId && { generationSessionId: generationId }),
      ...beforeId(cursor),
    };
    const rows = await this.em.fork().find(NameSuggestion, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws ProjectNotFoundError, SuggestionNotFoundError */
  async read(userId: string, projectId: string, id: string): Promise<NameSuggestion> {
    await this.projects.read(userId, projectId);
    const suggestion = await this.em.fork().findOne(NameSuggestion, { id, projectId });
    if (!suggestion) throw new SuggestionNotFoundError();
    return suggestion;
  }

  /** A name of the user's own. @throws ProjectNotFoundError, SuggestionLimitReachedError */
  async add(userId: string, projectId: string, { name, now }: { name: string; now: Date }): Promise<NameSuggestion> {
    await this.projects.read(userId, projectId);
    return this.em.fork().transactional(async (em) => {
      await assertRoom(em, projectId, 1);
      const suggestion = em.create(NameSuggestion, {
        id: newId(),
        projectId,
        name: name.trim(),
        createdAt: now,
        updatedAt: now,
      });
      await em.persist(suggestion).flush();
      return suggestion;
    });
  }

  /** @throws ProjectNotFoundError, SuggestionNotFoundError */
  async mark(
    userId: string,
    { projectId, id }: { projectId: string; id: string },
    change: { isFavourite: boolean; now: Date },
  ): Promise<NameSuggestion> {
    const suggestion = await this.read(userId, projectId, id);
    const { isFavourite, now } = change;
    const em = this.em.fork();
    await em.nativeUpdate(NameSuggestion, { id, projectId }, { isFavourite, updatedAt: now });
    return Object.assign(suggestion, { isFavourite });
  }

  /** @throws ProjectNotFoundError, SuggestionNotFoundError */
  async delete(userId: string, projectId: string, id: string): Promise<void> {
    await this.projects.read(userId, projectId);
    if ((await this.em.fork().nativeDelete(NameSuggestion, { id, projectId })) === 0)
      throw new SuggestionNotFoundError();
  }
}

/** Locks the project, so that what is added meanwhile is counted. @throws ProjectNotFoundError, SuggestionLimitReachedError */
export async function assertRoom(em: EntityManager, projectId: string, more: number): Promise<void> {
  const locked = await em.execute<unknown[]>('select 1 from projects where id = ? for update', [projectId]);
  if (locked.length === 0) throw new ProjectNotFoundError();
  const count = await em.count(NameSuggestion, { projectId });
  if (count + more > SUGGESTIONS_PER_PROJECT_MAX) throw new SuggestionLimitReachedError(SUGGESTIONS_PER_PROJECT_MAX);
}
