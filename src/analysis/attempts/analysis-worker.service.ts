import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { AnalysisAttempt } from './analysis-attempt.service.js';
import { AnalysisCancellations } from './analysis-cancellations.service.js';
import { AnalysisClaims } from './analysis-claims.service.js';
import { ANALYSES_QUEUE, ATTEMPT_SECONDS_MAX } from './analysis-queues.js';

/** Jobs mostly wait for answers, and what they write together costs less for each. */
const CONCURRENCY = 64;
/** What all processes together ask of one provider at once: work that can wait leaves room for callers who cannot. */
const PROVIDER_CONCURRENCY = 64;

/** Takes analyses from their queue, each for one attempt. */
@Injectable()
export class AnalysisWorker implements OnModuleInit {
  constructor(
    private readonly queues: WorkQueues,
    private readonly claims: AnalysisClaims,
    private readonly attempt: AnalysisAttempt,
    private readonly cancellations: AnalysisCancellations,
  ) {}

  onModuleInit(): void {
    this.queues.register({
      name: ANALYSES_QUEUE,
      concurrency: CONCURRENCY,
      groupConcurrency: PROVIDER_CONCURRENCY,
      runSecondsMax: ATTEMPT_SECONDS_MAX,
      handle: ({ id }) => this.run(id),
    });
  }

  /** @throws where the attempt is to be made again soon */
  private run(id: string): Promise<void> {
    return this.cancellations.watched(id, async (signal) => {
      const taken = await this.claims.take(id);
      if (taken) await this.attempt.make(taken.analysis, { now: taken.now, signal });
    });
  }
}
