import { Injectable } from '@nestjs/common';
import { ProjectService } from '../projects/project.service.js';
import { GenerationOutcome } from './generation-outcome.service.js';
import { GenerationService } from './generation.service.js';

/** Deletes projects with all that was made for them. */
@Injectable()
export class ProjectRemoval {
  constructor(
    private readonly projects: ProjectService,
    private readonly generations: GenerationService,
    private readonly outcome: GenerationOutcome,
  ) {}

  /** Ends its runs that are under way first, so that what they used is charged. @throws ProjectNotFoundError */
  async delete(userId: string, id: string): Promise<void> {
    for (const run of await this.generations.underWay(userId, id)) await this.outcome.cancel(userId, run.id);
    await this.projects.delete(userId, id);
  }
}
