import { Injectable } from '@nestjs/common';
import type { Analysis, ModelAnswer } from '../analysis.entity.js';
import { AnalysisHolds, type AnalysisOrder } from '../holds/analysis-holds.service.js';
import { AnalysisBatches } from './analysis-batches.service.js';
import { AnswerCache } from './answer-cache.service.js';

/** Where the answer to an analysis comes from: from one before, from a call together with others, or from one of its own. */
@Injectable()
export class AnalysisAnswers {
  constructor(
    private readonly cache: AnswerCache,
    private readonly batches: AnalysisBatches,
    private readonly holds: AnalysisHolds,
  ) {}

  /** From the moment that a model is to be asked it is a concurrent request of its user. @throws every refusal of a chat and the provider errors, after which there is nothing to charge */
  async get(analysis: Analysis, order: AnalysisOrder, now: Date): Promise<ModelAnswer> {
    const known = await this.cache.find(analysis, order.kind, now);
    if (known) return known;
    const marked = this.holds.markWaiting(analysis, false);
    try {
      return await this.batches.ask(order);
    } finally {
      await marked;
    }
  }
}
