import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { WorkQueues } from '../../jobs/queue/work-queues.service.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import { AnalysisAttempt } from './analysis-attempt.service.js';
import { ANALYSES_QUEUE, ATTEMPT_SECONDS_MAX } from './analysis-queues.js';

/** Jobs mostly wait for answers. */
const CONCURRENCY = 32;
/** What all processes together ask of one provider at once: work that can wait leaves room for callers who cannot. */
const PROVIDER_CONCURRENCY = 32;

/** Takes analyses from their queue, each for one attempt. */
@Injectable()
export class AnalysisWorker implements OnModuleInit {
  constructor(
    private readonly queues: WorkQueues,
    private readonly progress: AnalysisProgress,
    private readonly attempt: AnalysisAttempt,
    private readonly clock: Clock,
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

  /** A row that has ended meanwhile is left alone. @throws where the attempt is to be made again soon */
  private async run(id: string): Promise<void> {
    const now = this.clock.now();
    const seen = await this.progress.find(id);
    if (seen?.status !== 'queued' && seen?.status !== 'processing') return;
    const analysis = await this.progress.claim(seen, {
      set: {
        status: 'processing',
        processingStartedAt: seen.processingStartedAt ?? now,
        queueWaitMs: seen.queueWaitMs ?? now.getTime() - seen.queuedAt.getTime(),
      },
      event: { name: 'started', data: { attempt: seen.retryHistory.length + 1 } },
    });
    if (analysis) await this.attempt.make(analysis, now);
  }
}
