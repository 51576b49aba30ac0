import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ProjectBusyError, ProjectNotFoundError } from '../generation.errors.js';
import { Project } from '../projects/project.entity.js';
import { GenerationService } from './generation.service.js';

/** Deletes projects with all that was made for them. */
@Injectable()
export class ProjectRemoval {
  constructor(
    private readonly em: EntityManager,
    private readonly generations: GenerationService,
  ) {}

  /**
   * With all its suggestions and runs. Not while one is under way, because nobody would be charged for what it uses; none begins while the
   * project is locked.
   * @throws ProjectNotFoundError, ProjectBusyError
   */
  async delete(userId: string, id: string): Promise<void> {
    await this.em.fork().transactional(async (em) => {
      const project = await em.findOne(Project, { id, userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!project) throw new ProjectNotFoundError();
      const underWay = await this.generations.underWay(em, userId, id);
      if (underWay.length > 0) throw new ProjectBusyError(underWay.map((run) => run.id));
      await em.nativeDelete(Project, { id });
    });
  }
}
