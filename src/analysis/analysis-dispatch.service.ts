import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WorkQueues } from '../jobs/queue/work-queues.service.js';
import { CatalogueService } from '../models/catalogue.service.js';
import { ANALYSES_QUEUE } from './analysis-queue.js';
import type { Analysis } from './analysis.entity.js';
import { queuePriorityOf } from './domain/turn.js';

/** Puts analyses into their queue: each at its turn, and counted for the provider of its model. */
@Injectable()
export class AnalysisDispatch {
  constructor(
    private readonly queues: WorkQueues,
    private readonly catalogue: CatalogueService,
  ) {}

  /** In the transaction of `em`; with `startAfter`, by real time, not before then. */
  send(em: EntityManager, analysis: Pick<Analysis, 'id' | 'turnAt' | 'modelId'>, startAfter?: Date): Promise<void> {
    const { id, turnAt, modelId } = analysis;
    const group = modelId ? this.catalogue.find(modelId)?.provider : undefined;
    const priority = queuePriorityOf(turnAt);
    return this.queues.send(
      em,
      ANALYSES_QUEUE,
      { id },
      { priority, ...(group !== undefined && { group }), ...(startAfter && { startAfter }) },
    );
  }

  /** Which of these have a job that waits or is under way. */
  having(em: EntityManager, ids: readonly string[]): Promise<Set<string>> {
    return this.queues.having(em, ANALYSES_QUEUE, ids);
  }
}
