import { Injectable } from '@nestjs/common';
import type { Analysis, ModelAnswer } from '../analysis.entity.js';
import type { AnalysisOrder } from '../holds/analysis-holds.service.js';
import { AnalysisBatches } from './analysis-batches.service.js';
import { AnswerCache } from './answer-cache.service.js';

/** Where the answer to an analysis comes from: from one before, from a call together with others, or from one of its own. */
@Injectable()
export class AnalysisAnswers {
  constructor(
    private readonly cache: AnswerCache,
    private readonly batches: AnalysisBatches,
  ) {}

  /** @throws every refusal of a chat and the provider errors, after which there is nothing to charge */
  async get(analysis: Analysis, order: AnalysisOrder, now: Date): Promise<ModelAnswer> {
    return (await this.cache.find(analysis, order.kind, now)) ?? this.batches.ask(order);
  }
}
