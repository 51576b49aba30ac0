import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { GENERATIONS_QUEUE } from './generation-starts.service.js';
import { GenerationRun } from './generation-run.service.js';

/** Runs of one process at a time. They wait for providers, not for us. */
const CONCURRENCY = 8;
/** Of one user, so that nobody's pile keeps the others waiting. */
const PER_USER = 2;
/** All models run at once, and each may take the longest that an answer may. */
const RUN_SECONDS_MAX = 900;

/** Takes runs out of their queue. */
@Injectable()
export class GenerationWorker implements OnModuleInit {
  constructor(
    private readonly queues: WorkQueues,
    private readonly run: GenerationRun,
  ) {}

  onModuleInit(): void {
    this.queues.register({
      name: GENERATIONS_QUEUE,
      concurrency: CONCURRENCY,
      groupConcurrency: PER_USER,
      runSecondsMax: RUN_SECONDS_MAX,
      handle: ({ id }) => this.run.toItsEnd(id),
    });
  }
}
