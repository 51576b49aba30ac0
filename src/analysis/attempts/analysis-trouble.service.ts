import { Injectable } from '@nestjs/common';
import type { AppError } from '../../common/errors/app-error.js';
import type { Analysis } from '../analysis.entity.js';
import { AnalysisHolds, type AnalysisOrder } from '../holds/analysis-holds.service.js';
import { OtherModels } from '../recovery/other-models.service.js';
import { AnalysisEndings } from './analysis-endings.service.js';
import { consequenceOf, type Failure, failureOf } from './analysis-failure.js';
import { AnalysisRetries } from './analysis-retries.service.js';

/** What follows where a model did not answer: another attempt, another model, the answer of rules, or the end. */
@Injectable()
export class AnalysisTrouble {
  constructor(
    private readonly retries: AnalysisRetries,
    private readonly others: OtherModels,
    private readonly endings: AnalysisEndings,
    private readonly holds: AnalysisHolds,
  ) {}

  /** @throws `error` where the attempt is to be made again soon */
  async follow(analysis: Analysis, order: AnalysisOrder, error: AppError): Promise<void> {
    if (order.signal?.aborted) return this.endings.cancelled(analysis, null);
    const failure = failureOf(error);
    switch (consequenceOf(error)) {
      case 'again':
        throw error;
      case 'fail':
        return this.endings.failed(analysis, failure);
      case 'retry':
        return (await this.retries.putBack(analysis, failure))
          ? this.holds.markWaiting(analysis, true)
          : this.askOthers(analysis, order, failure);
      case 'fall_back':
        return this.endings.withoutModel(analysis, order.kind, failure);
    }
  }

  /** The last that is tried before rules answer. */
  private async askOthers(analysis: Analysis, order: AnalysisOrder, failure: Failure): Promise<void> {
    const answer = await this.others.ask(analysis, order);
    if (order.signal?.aborted) await this.endings.cancelled(analysis, answer);
    else if (answer) await this.endings.answered(analysis, answer);
    else await this.endings.withoutModel(analysis, order.kind, failure);
  }
}
