import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import type { Analysis, FailedAttempt } from '../analysis.entity.js';
import { nextAttemptAt } from '../domain/retry-delay.js';
import { RecoveryLog } from '../recovery/recovery-log.service.js';
import { AnalysisDispatch } from './analysis-dispatch.service.js';
import type { Failure } from './analysis-failure.js';

/** Puts analyses whose provider is in trouble back into their queue, for later. */
@Injectable()
export class AnalysisRetries {
  constructor(
    private readonly progress: AnalysisProgress,
    private readonly dispatch: AnalysisDispatch,
    private readonly recovery: RecoveryLog,
    private readonly clock: Clock,
  ) {}

  /** False where there is no attempt left, or no time for one before the deadline. */
  async putBack(analysis: Analysis, { type, message }: Failure): Promise<boolean> {
    const { id, retryHistory, deadlineAt } = analysis;
    const now = this.clock.now();
    const attempt = retryHistory.length + 1;
    const at = nextAttemptAt({ attempt, now, deadlineAt: deadlineAt ?? now, random: Math.random() });
    if (!at) return false;
    const failed: FailedAttempt = { attempt, at: now.toISOString(), type, message, nextAt: at.toISOString() };
    await this.progress.change(analysis, {
      set: { status: 'queued', retryHistory: [...retryHistory, failed], lastErrorType: type, recoveryAttempted: true },
      event: { name: 'retried', data: { ...failed } },
      also: async (em) => {
        await this.recovery.step(em, id, { step: 'retry', detail: { attempt, type, nextAt: failed.nextAt } }, now);
        const startAfter = new Date(Date.now() + at.getTime() - now.getTime());
        await this.dispatch.send(em, analysis, startAfter);
      },
    });
    return true;
  }
}
