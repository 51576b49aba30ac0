import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import { OverloadedError } from '../../common/errors/common.errors.js';
import { fallbacksOf } from '../../inference/fallback-planner.service.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import type { Analysis, ModelAnswer } from '../analysis.entity.js';
import { AnalysisAsker } from '../attempts/analysis-asker.service.js';
import { AnalysisHolds, type AnalysisOrder, amountOf } from '../holds/analysis-holds.service.js';
import { RecoveryLog } from './recovery-log.service.js';

/** Why a model was not asked: it may cost more than is held. */
const ABOVE_HOLD = 'above_hold';

/** A model that was to stand in, and what kept it from answering; null where it answered. */
interface TriedModel {
  modelId: string;
  reason: string | null;
}

/** Asks other models where the provider of the wanted one stays in trouble: those that the catalogue lists, under the same hold, at their own price. */
@Injectable()
export class OtherModels {
  constructor(
    private readonly holds: AnalysisHolds,
    private readonly asker: AnalysisAsker,
    private readonly progress: AnalysisProgress,
    private readonly recovery: RecoveryLog,
  ) {}

  /** The first answer, or null where none could be had. Each model that was looked at is a step of the recovery. @throws OverloadedError */
  async ask(analysis: Analysis, order: AnalysisOrder): Promise<ModelAnswer | null> {
    const ids = fallbacksOf(this.holds.model(order.modelId));
    if (ids.length === 0) return null;
    const heldUcr = amountOf(await this.holds.bound(order));
    const { versionNo: _, inputTokens: _counted, ...atTodaysPrice } = order;
    for (const modelId of ids) {
      if (order.signal?.aborted) return null;
      const { answer, reason } = await this.tried({ ...atTodaysPrice, modelId }, heldUcr);
      await this.note(analysis, { modelId, reason });
      if (answer) return answer;
    }
    return null;
  }

  private async tried(order: AnalysisOrder, heldUcr: bigint): Promise<{ answer?: ModelAnswer; reason: string | null }> {
    try {
      const bound = await this.holds.bound(order);
      if (amountOf(bound) > heldUcr) return { reason: ABOVE_HOLD };
      const { model } = bound.chat;
      const answer = await this.asker.ask({ ...order, modelId: model.id, versionNo: model.versionNo });
      return { answer, reason: null };
    } catch (error) {
      if (!(error instanceof AppError) || error instanceof OverloadedError) throw error;
      return { reason: error.code };
    }
  }

  private async note(analysis: Analysis, tried: TriedModel): Promise<void> {
    analysis.recoveryAttempted = true;
    await this.progress.change(analysis, {
      set: { recoveryAttempted: true },
      also: (em, now) => this.recovery.step(em, analysis.id, { step: 'other_model', detail: { ...tried } }, now),
    });
  }
}
