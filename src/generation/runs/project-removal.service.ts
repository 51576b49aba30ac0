import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ProjectNotFoundError } from '../generation.errors.js';
import { Project } from '../projects/project.entity.js';
import { GenerationOutcome } from './generation-outcome.service.js';
import { GenerationService } from './generation.service.js';

/** Deletes projects with all that was made for them. */
@Injectable()
export class ProjectRemoval {
  constructor(
    private readonly em: EntityManager,
    private readonly generations: GenerationService,
    private readonly outcome: GenerationOutcome,
  ) {}

  /**
   * With all its suggestions and runs. Those under way end first, so that what they used is charged and the rest given back; one that begins
   * meanwhile, too.
   * @throws ProjectNotFoundError
   */
  async delete(userId: string, id: string): Promise<void> {
    do {
      for (const run of await this.generations.underWay(this.em.fork(), userId, id)) {
        await this.outcome.cancel(userId, run.id);
      }
    } while (!(await this.deleteIdle(userId, id)));
  }

  /** False where a run is under way. No other begins while the project is locked. */
  private deleteIdle(userId: string, id: string): Promise<boolean> {
    return this.em.fork().transactional(async (em) => {
      const project = await em.findOne(Project, { id, userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!project) throw new ProjectNotFoundError();
      if ((await this.generations.underWay(em, userId, id)).length > 0) return false;
      await em.nativeDelete(Project, { id });
      return true;
    });
  }
}
