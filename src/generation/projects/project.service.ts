import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf, type PageQuery } from '../../common/http/paging.js';
import { newId } from '../../common/ids.js';
import { ProjectLimitReachedError, ProjectNotFoundError, SuggestionNotFoundError } from '../generation.errors.js';
import { NameSuggestion } from './name-suggestion.entity.js';
import type { CreateProjectRequest, UpdateProjectRequest } from './project.dto.js';
import { Project } from './project.entity.js';

/** More than anyone names things for; beyond it a client is at fault. */
export const PROJECTS_MAX = 1_000;

/** The projects of one user. Those of others are not there. */
@Injectable()
export class ProjectService {
  constructor(private readonly em: EntityManager) {}

  /** Newest first. @throws InvalidRequestError for a cursor that is none */
  async page(userId: string, { limit, cursor }: PageQuery): Promise<{ rows: Project[]; next: string | null }> {
    const where = { userId, ...beforeId(cursor) };
    const rows = await this.em.fork().find(Project, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws ProjectNotFoundError */
  async read(userId: string, id: string): Promise<Project> {
    const project = await this.em.fork().findOne(Project, { id, userId });
    if (!project) throw new ProjectNotFoundError();
    return project;
  }

  /** @throws ProjectLimitReachedError */
  create(userId: string, asked: CreateProjectRequest, now: Date): Promise<Project> {
    return this.em.fork().transactional((em) => createProject(em, userId, asked, now));
  }

  /** Takes back a project that was made and not told of yet. */
  async discard({ id, userId }: Project): Promise<void> {
    await this.em.fork().nativeDelete(Project, { id, userId });
  }

  /** @throws ProjectNotFoundError, SuggestionNotFoundError */
  async update(userId: string, id: string, asked: UpdateProjectRequest, now: Date): Promise<Project> {
    const { name, description, aiPreferences, selectedNameId } = asked;
    return this.em.fork().transactional(async (em) => {
      const project = await em.findOne(Project, { id, userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!project) throw new ProjectNotFoundError();
      if (
        typeof selectedNameId === 'string' &&
        !(await em.count(NameSuggestion, { id: selectedNameId, projectId: id }))
      ) {
        throw new SuggestionNotFoundError();
      }
      em.assign(project, {
        ...(typeof name === 'string' && { name }),
        ...(description !== undefined && { description }),
        ...(aiPreferences !== undefined && { aiPreferences }),
        ...(selectedNameId !== undefined && { selectedNameId }),
        updatedAt: now,
      });
      await em.flush();
      return project;
    });
  }
}

/** The same in the transaction of `em`. @throws ProjectLimitReachedError */
export async function createProject(
  em: EntityManager,
  userId: string,
  asked: CreateProjectRequest,
  now: Date,
): Promise<Project> {
  // Many at once from one user come one after the other, so that none slips past the limit.
  await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`projects:${userId}`]);
  if ((await em.count(Project, { userId })) >= PROJECTS_MAX) throw new ProjectLimitReachedError(PROJECTS_MAX);
  const project = em.create(Project, {
    id: newId(),
    userId,
    name: asked.name,
    description: asked.description ?? null,
    aiPreferences: asked.aiPreferences ?? null,
    createdAt: now,
    updatedAt: now,
  });
  await em.persist(project).flush();
  return project;
}
