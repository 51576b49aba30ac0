import { EntityManager, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { GenerationNotFoundError } from '../generation.errors.js';
import { Generation } from './generation.entity.js';
import { GenerationModel } from './generation-model.entity.js';
import { GenerationOutcome } from './generation-outcome.service.js';
import { GENERATIONS_QUEUE } from './generation-starts.service.js';

/** Cancels runs for their owners, as far as they can be: what a provider is being asked may have to be paid. */
@Injectable()
export class GenerationCancellations {
  constructor(
    private readonly em: EntityManager,
    private readonly outcome: GenerationOutcome,
    private readonly queues: WorkQueues,
    private readonly clock: Clock,
  ) {}

  /**
   * One that nobody works on ends at once; of another the row says so, and its worker ends it as soon as its calls have ended. A run that has
   * ended stays as it is.
   * @throws GenerationNotFoundError
   */
  async cancel(userId: string, id: string): Promise<void> {
    const now = this.clock.now();
    await this.em.fork().transactional(async (em) => {
      const run = await em.findOne(Generation, { id, userId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!run) throw new GenerationNotFoundError();
      const waiting = { generationId: id, state: 'waiting' as const };
      if ((await em.count(GenerationModel, waiting)) === 0) return;
      if (!(await this.isWorkedOn(em, run)))
        await em.nativeUpdate(GenerationModel, waiting, { state: 'cancelled', updatedAt: now });
      else if (!run.cancelRequestedAt) em.assign(run, { cancelRequestedAt: now, updatedAt: now });
    });
    await this.outcome.finish(id);
  }

  /** Whether a worker has it, or will have it again after one that died: its models may be being asked. */
  private async isWorkedOn(em: EntityManager, { id, status }: Generation): Promise<boolean> {
    return status === 'processing' && (await this.queues.having(em, [GENERATIONS_QUEUE], [id])).has(id);
  }
}
