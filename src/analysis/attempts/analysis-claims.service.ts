import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import type { Analysis } from '../analysis.entity.js';

/** Takes analyses for one attempt each. */
@Injectable()
export class AnalysisClaims {
  constructor(
    private readonly progress: AnalysisProgress,
    private readonly clock: Clock,
  ) {}

  /** Null where it has ended meanwhile, or is another's. */
  async take(id: string): Promise<{ analysis: Analysis; now: Date } | null> {
    const now = this.clock.now();
    const seen = await this.progress.find(id);
    if (seen?.status !== 'queued' && seen?.status !== 'processing') return null;
    const analysis = await this.progress.claim(seen, {
      set: {
        status: 'processing',
        processingStartedAt: seen.processingStartedAt ?? now,
        queueWaitMs: seen.queueWaitMs ?? now.getTime() - seen.queuedAt.getTime(),
      },
      event: { name: 'started', data: { attempt: seen.retryHistory.length + 1 } },
    });
    return analysis && { analysis, now };
  }
}
