import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import type { Analysis } from '../analysis.entity.js';
import { upgradeDelayMs } from '../domain/retry-delay.js';
import { queuePriorityOf } from '../domain/turn.js';
import { ANALYSES_QUEUE, UPGRADES_QUEUE } from './analysis-queues.js';

/** Puts analyses into their queues. */
@Injectable()
export class AnalysisDispatch {
  constructor(
    private readonly queues: WorkQueues,
    private readonly catalogue: CatalogueService,
  ) {}

  /** At its turn, counted for the provider of its model, and by real time not before `startAfter`; in the transaction of `em`. */
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

  /** For a model to answer what rules have answered, after a while that grows with `attemptsBefore`; in the transaction of `em`. */
  sendUpgrade(em: EntityManager, id: string, attemptsBefore: number): Promise<void> {
    const startAfter = new Date(Date.now() + upgradeDelayMs(attemptsBefore));
    return this.queues.send(em, UPGRADES_QUEUE, { id }, { startAfter });
  }

  /** Which of these have a job that waits or is under way, in either queue. */
  having(em: EntityManager, ids: readonly string[]): Promise<Set<string>> {
    return this.queues.having(em, [ANALYSES_QUEUE, UPGRADES_QUEUE], ids);
  }
}
