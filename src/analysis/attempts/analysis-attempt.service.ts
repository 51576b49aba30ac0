import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import type { Analysis, ModelAnswer } from '../analysis.entity.js';
import type { AnalysisOrder } from '../holds/analysis-holds.service.js';
import type { AnalysisKind } from '../kinds/analysis-kind.entity.js';
import { AnalysisKinds } from '../kinds/analysis-kinds.service.js';
import { AnalysisAnswers } from '../sharing/analysis-answers.service.js';
import { AnalysisEndings } from './analysis-endings.service.js';
import type { Failure } from './analysis-failure.js';
import { AnalysisTrouble } from './analysis-trouble.service.js';

const DEADLINE_PASSED: Failure = {
  type: 'deadline_passed',
  message: 'No model could answer before the deadline.',
  mayPass: false,
};

/** One attempt of an analysis, from the model's answer, or from what kept it away, to what follows. */
@Injectable()
export class AnalysisAttempt {
  constructor(
    private readonly kinds: AnalysisKinds,
    private readonly answers: AnalysisAnswers,
    private readonly trouble: AnalysisTrouble,
    private readonly endings: AnalysisEndings,
  ) {}

  /** `signal` aborts when its user calls it off. @throws where the attempt is to be made again soon */
  async make(analysis: Analysis, { now, signal }: { now: Date; signal: AbortSignal }): Promise<void> {
    // An earlier worker died between the answer and its charge.
    if (analysis.answer) return this.endings.charged(analysis, analysis.answer);
    if (analysis.cancelRequestedAt) return this.endings.cancelled(analysis, null);
    const kind = await this.kinds.version(analysis.kind, analysis.analysisVersion);
    if (analysis.deadlineAt && analysis.deadlineAt <= now) {
      return this.endings.withoutModel(analysis, kind, latenessOf(analysis));
    }
    const order = { ...orderOf(analysis, kind), signal };
    const answer = await this.askedOrEnded(analysis, order, now);
    if (!answer) return;
    await (signal.aborted ? this.endings.cancelled(analysis, answer) : this.endings.answered(analysis, answer));
  }

  /** Null where there is no answer, and what follows has been done. */
  private async askedOrEnded(analysis: Analysis, order: AnalysisOrder, now: Date): Promise<ModelAnswer | null> {
    try {
      return await this.answers.get(analysis, order, now);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      await this.trouble.follow(analysis, order, error);
      return null;
    }
  }
}

/** Why no model could answer in time: the provider's trouble where there was some, which may pass, else that nobody came to it. */
function latenessOf({ retryHistory }: Analysis): Failure {
  const last = retryHistory.at(-1);
  return last ? { type: last.type, message: last.message, mayPass: true } : DEADLINE_PASSED;
}

/** What is asked for a row, under its present hold. @throws Error for a row that was imported, and has none */
function orderOf(analysis: Analysis, kind: AnalysisKind): AnalysisOrder {
  const { id: analysisId, holdId, userId, accessId, modelId, modelVersionNo, input } = analysis;
  if (!holdId || !accessId || !modelId || !modelVersionNo) throw new Error('an analysis without a hold is asked');
  const { text, inputTokens } = input;
  return {
    analysisId,
    requestId: holdId,
    userId,
    accessId,
    kind,
    modelId,
    text,
    versionNo: modelVersionNo,
    inputTokens,
  };
}
