import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { reasonOf } from '../../jobs/failure-reason.js';
import { JobFailureService } from '../../jobs/job-failure.service.js';
import { GenerationOutcome } from './generation-outcome.service.js';
import { GenerationProgress } from './generation-progress.service.js';
import { Generation, hasEnded } from './generation.entity.js';

const ABANDONED = { code: 'run_abandoned', message: 'The run never came to an end.' };
export const RETENTION_JOB = 'generation-retention';
const ENTITY = 'generation';

/** Runs that no worker will ever end. */
@Injectable()
export class OrphanedGenerations implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly progress: GenerationProgress,
    private readonly outcome: GenerationOutcome,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    this.failures.onRetry(RETENTION_JOB, async ({ entityId }) => {
      const run = await this.em.fork().findOne(Generation, { id: entityId });
      if (run && !hasEnded(run)) await this.end(run);
    });
  }

  /**
   * Ends those that nothing was done to since `before`: what had answered is charged and kept, one without any names is removed. One that
   * cannot be ended becomes an open failure and keeps no other from it.
   */
  async endSome(before: Date, limit: number, now: Date): Promise<number> {
    const where = { status: { $in: ['pending', 'processing'] as const }, updatedAt: { $lt: before } };
    const orphans = await this.em.fork().find(Generation, where, { limit, orderBy: { id: 'asc' } });
    let ended = 0;
    for (const run of orphans) {
      try {
        await this.end(run);
        ended += 1;
        await this.failures.resolve(RETENTION_JOB, ENTITY, run.id, now);
      } catch (error) {
        const failure = { job: RETENTION_JOB, entity: ENTITY, entityId: run.id, reason: reasonOf(error) };
        await this.failures.record(failure, now);
      }
    }
    return ended;
  }

  private async end(run: Generation): Promise<void> {
    for (const { modelId } of await this.progress.waiting(run.id))
      await this.progress.end(run, modelId, { state: 'failed', error: ABANDONED });
    await this.outcome.finish(run.id);
    await this.em.fork().nativeDelete(Generation, { id: run.id, status: 'failed' });
  }
}
