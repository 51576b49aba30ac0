import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import type { Analysis, ModelAnswer } from '../analysis.entity.js';
import type { HeldAnalysis } from '../holds/analysis-holds.service.js';
import { AnalysisRenewals } from '../holds/analysis-renewals.service.js';
import { AnalysisAsker } from '../attempts/analysis-asker.service.js';
import { UpgradeEndings } from './upgrade-endings.service.js';

/** One try to have a model answer what rules have answered: under a hold of its own, at today's price. */
@Injectable()
export class UpgradeAttempt {
  constructor(
    private readonly renewals: AnalysisRenewals,
    private readonly asker: AnalysisAsker,
    private readonly endings: UpgradeEndings,
  ) {}

  /** Whatever keeps it away — a provider, the user's credits or limits — may be gone by the next try. */
  async make(seen: Analysis): Promise<void> {
    const held = await this.orNothing(() => this.renewals.hold(seen, { isWaiting: false }));
    if (!held) return this.endings.later(seen);
    const analysis = await this.endings.begun(seen, held);
    if (!analysis) return this.givenWay(seen, held);
    await this.renewals.keepUntil(held, held.reservation.heldAt);
    const answer: ModelAnswer | null = await this.orNothing(() => this.asker.ask(held));
    // An answer that does not fit is nothing that anybody asked for, and costs nothing.
    if (answer?.result) await this.endings.answered(analysis, answer);
    else await this.endings.nothing(analysis, answer !== null);
  }

  private async givenWay({ id }: Analysis, held: HeldAnalysis): Promise<void> {
    await this.renewals.giveBack(held);
    const found = await this.endings.find(id);
    if (found?.answer) await this.endings.takenOver(found);
  }

  private async orNothing<Result>(work: () => Promise<Result>): Promise<Result | null> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AppError) return null;
      throw error;
    }
  }
}
