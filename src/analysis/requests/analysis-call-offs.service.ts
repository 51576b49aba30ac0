import { Injectable } from '@nestjs/common';
import { AnalysisProgress } from '../analysis-progress.service.js';
import { type Analysis, awaitsUpgrade } from '../analysis.entity.js';
import { AnalysisEndedError } from '../analysis.errors.js';
import { AnalysisCancellations } from '../attempts/analysis-cancellations.service.js';
import { AnalysisEndings } from '../attempts/analysis-endings.service.js';
import { UpgradeEndings } from '../upgrades/upgrade-endings.service.js';

/** Calls analyses off for their users, as far as they are. */
@Injectable()
export class AnalysisCallOffs {
  constructor(
    private readonly progress: AnalysisProgress,
    private readonly endings: AnalysisEndings,
    private readonly upgrades: UpgradeEndings,
    private readonly cancellations: AnalysisCancellations,
  ) {}

  /** False where it has moved on since it was read. @throws AnalysisEndedError */
  async callOff(analysis: Analysis): Promise<boolean> {
    const { id, status, cancelRequestedAt } = analysis;
    // A model's answer that is there already is charged.
    if (awaitsUpgrade(analysis) && !analysis.answer)
      return this.upgrades.calledOff(analysis, (now) => cancelledBy(analysis, now));
    if (status !== 'queued' && status !== 'processing') throw new AnalysisEndedError(status);
    if (cancelRequestedAt) return true;
    const change = (now: Date) => cancelledBy(analysis, now);
    if (status === 'queued') return this.endings.calledOff(analysis, change);
    return this.progress.change(analysis, {
      set: (now) => ({ ...change(now), cancelRequestedAt: now }),
      also: (em) => this.cancellations.tell(em, id),
    });
  }
}

/** Who did it, beside what others did before. */
function cancelledBy({ userId, modificationHistory }: Analysis, now: Date) {
  const entry = { action: 'cancel', actorId: userId, at: now.toISOString() };
  return { modifiedBy: userId, modificationHistory: [...modificationHistory, entry] };
}
