import type { EntityData } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import type { Analysis, ModelAnswer } from '../analysis.entity.js';
import { agreementOf } from '../domain/agreement.js';
import type { HeldAnalysis } from '../holds/analysis-holds.service.js';
import { AnalysisSettler } from '../holds/analysis-settler.service.js';
import { RecoveryLog } from '../recovery/recovery-log.service.js';
import { FallbackComparison } from '../recovery/recovery.entity.js';
import { AnalysisDispatch } from '../attempts/analysis-dispatch.service.js';

/** What a try to upgrade an analysis comes to. */
@Injectable()
export class UpgradeEndings {
  constructor(
    private readonly progress: AnalysisProgress,
    private readonly settler: AnalysisSettler,
    private readonly recovery: RecoveryLog,
    private readonly dispatch: AnalysisDispatch,
  ) {}

  /** Gives back what was held for a try that came to nothing. With an answer that did not fit, another would not either. */
  async nothing(analysis: Analysis, isHopeless: boolean): Promise<void> {
    await this.settler.release(analysis, 'no upgrade');
    await (isHopeless ? this.givenUp(analysis) : this.later(analysis));
  }

  /** Tries again after a while, until it is too late. */
  async later(analysis: Analysis): Promise<void> {
    const { id, fallbackMetadata: facts } = analysis;
    if (!facts?.upgradeUntil) return;
    const upgradeAttempts = facts.upgradeAttempts + 1;
    await this.progress.change(analysis, {
      set: { fallbackMetadata: { ...facts, upgradeAttempts } },
      also: (em) => this.dispatch.sendUpgrade(em, id, upgradeAttempts),
    });
  }

  /** Its user wants no other answer: what a model is being asked is free, and changes nothing. False where it has moved on. */
  async calledOff(seen: Analysis, change: (now: Date) => EntityData<Analysis>): Promise<boolean> {
    const taken = await this.progress.claim(seen, { set: {}, isUnanswered: true });
    if (!taken) return false;
    if (seen.isHoldOpen) await this.settler.release(seen, 'cancelled');
    await this.givenUp(taken, change);
    return true;
  }

  /** The answer of the rules stays. */
  async givenUp(analysis: Analysis, change: (now: Date) => EntityData<Analysis> = () => ({})): Promise<void> {
    const { id, fallbackMetadata: facts } = analysis;
    if (!facts) return;
    await this.progress.change(analysis, {
      set: (now) => ({ ...change(now), fallbackMetadata: { ...facts, upgradeUntil: null } }),
      event: { name: 'finished', data: { isUpgraded: false }, isLast: true },
      also: (em, now) => this.recovery.end(em, id, 'given_up', now),
    });
  }

  find(id: string): Promise<Analysis | null> {
    return this.progress.find(id);
  }

  /**
   * The row takes over the hold, and one that an earlier worker left is given back; null where another worker has the row, or has just kept an
   * answer, which is to be charged under the hold that it had.
   */
  async begun(seen: Analysis, { requestId: holdId }: HeldAnalysis): Promise<Analysis | null> {
    const begun = await this.progress.claim(seen, { set: { holdId, isHoldOpen: true }, isUnanswered: true });
    if (begun && seen.isHoldOpen) await this.settler.release(seen, 'its worker died');
    return begun;
  }

  /** Ends with an answer that another worker kept, who may be dead: from here on it changes nothing. */
  async takenOver(seen: Analysis): Promise<void> {
    const taken = await this.progress.claim(seen, { set: {} });
    if (taken?.answer) await this.charged(taken, taken.answer);
  }

  /** Keeps a model's answer, charges it, and puts it in the place of that of the rules. */
  async answered(analysis: Analysis, answer: ModelAnswer): Promise<void> {
    if (await this.progress.keep(analysis, answer)) await this.charged(analysis, answer);
  }

  /** Safe to repeat: the charge, and the upgrade, are there once. */
  async charged(analysis: Analysis, answer: ModelAnswer): Promise<void> {
    const use = await this.settler.charge(analysis, answer);
    const modelResult = answer.result ?? {};
    const fallbackResult = analysis.result ?? {};
    const agreement = agreementOf(modelResult, fallbackResult);
    await this.progress.change(analysis, {
      set: { ...use, result: answer.result, upgradedFromFallback: true, answer: null, isHoldOpen: false },
      event: { name: 'finished', data: { isUpgraded: true, agreement }, isLast: true },
      also: async (em, now) => {
        const { id: analysisId } = analysis;
        await em.insert(FallbackComparison, {
          id: newId(),
          analysisId,
          modelResult,
          fallbackResult,
          agreement,
          createdAt: now,
        });
        await this.recovery.end(em, analysisId, 'recovered', now);
      },
    });
  }
}
