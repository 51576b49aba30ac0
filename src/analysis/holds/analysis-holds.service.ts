import { Injectable, Logger } from '@nestjs/common';
import { isOutcomeUnknown } from '../../common/errors/passing-failure.js';
import type { IdempotencyClaim } from '../../credits/hold.repository.js';
import { giveBack } from '../../inference/open-hold.js';
import { type BoundChat, UnattendedAdmission } from '../../inference/unattended-admission.service.js';
import { CatalogueService } from '../../models/catalogue.service.js';
import type { CatalogueModel } from '../../models/domain/catalogue-model.js';
import { ModelNotFoundError } from '../../models/models.errors.js';
import { upperBoundUcr } from '../../usage/domain/cost.js';
import { MeteringService, type Reservation } from '../../usage/metering.service.js';
import { isOfBound } from '../../usage/reserve-refusal.js';
import type { Analysis } from '../analysis.entity.js';
import type { AnalysisKind } from '../kinds/analysis-kind.entity.js';
import { kindChat, REPAIR_TOKENS_MAX } from '../kinds/kind-chat.js';
import { ATTEMPT_SECONDS_MAX } from '../attempts/analysis-queues.js';

/** Until the row is there: what a process held that was killed in between is free again after this. */
const HOLD_MS = 150_000;
/** An attempt that has begun before the deadline may end after it, and is charged. */
const AFTER_DEADLINE_MS = ATTEMPT_SECONDS_MAX * 1_000;

/** What is asked of which model, for whom. */
export interface AnalysisOrder {
  analysisId: string;
  /** The hold's id. */
  requestId: string;
  userId: string;
  accessId: string;
  kind: AnalysisKind;
  modelId: string;
  text: string;
  /** The price version to ask at; the current without it. */
  versionNo?: number;
  /** What the question was bounded by when it was held, for this model. */
  inputTokens?: number | undefined;
  claim?: IdempotencyClaim | undefined;
  /** Whether it is queued, and a concurrent request only while it is worked on. */
  isWaiting?: boolean;
  /** Aborts, with an AnalysisCancelledError, when its user calls it off. */
  signal?: AbortSignal;
}

/** Of the model that is to be asked, which is not always the one that was named, at the price that is held for. */
export interface HeldAnalysis extends AnalysisOrder {
  versionNo: number;
  inputTokens: number;
  bound: BoundChat;
  reservation: Reservation;
}

/** Bounds and holds what an analysis can cost: the question, and one more for the repair of its answer. */
@Injectable()
export class AnalysisHolds {
  private readonly logger = new Logger(AnalysisHolds.name);

  constructor(
    private readonly admission: UnattendedAdmission,
    private readonly catalogue: CatalogueService,
    private readonly metering: MeteringService,
  ) {}

  /** @throws every refusal of a chat and of `reserve`; then nothing is held */
  async hold(order: AnalysisOrder): Promise<HeldAnalysis> {
    const bound = await this.bound(order);
    try {
      return toHeld(order, bound, await this.reserve(order, bound));
    } catch (error) {
      const counted = isOfBound(error) ? await this.admission.recount(bound) : null;
      if (!counted) throw error;
      return toHeld(order, counted, await this.reserve(order, counted));
    }
  }

  /** What the question may cost. @throws every refusal of a chat */
  bound({ kind, modelId, text, userId, versionNo, inputTokens }: AnalysisOrder): Promise<BoundChat> {
    return this.admission.admit(kindChat(kind, this.model(modelId), text), userId, { versionNo, inputTokens });
  }

  /** Lets a hold live as long as its row may need it. What cannot be extended is charged late. */
  async keepUntil({ requestId, userId, reservation }: HeldAnalysis, deadlineAt: Date): Promise<void> {
    const ttlMs = deadlineAt.getTime() - reservation.heldAt.getTime() + AFTER_DEADLINE_MS;
    await this.metering.extend(requestId, userId, ttlMs).catch((error: unknown) => {
      this.logger.warn({ err: error, requestId }, 'the hold of an analysis could not be extended');
    });
  }

  /** Counts an analysis as a concurrent request of its user, while it is worked on, or no more. What fails here is only counted otherwise. */
  async markWaiting({ id, userId, holdId }: Analysis, isWaiting: boolean): Promise<void> {
    if (!holdId) return;
    await this.metering.markWaiting({ requestId: holdId, userId }, isWaiting).catch((error: unknown) => {
      this.logger.warn({ err: error, id }, 'the hold of an analysis could not be marked');
    });
  }

  /** Gives back what nobody will charge. Never rejects. */
  giveBack(hold: { requestId: string; userId: string }, reason: string): Promise<void> {
    return giveBack(this.metering, hold, reason);
  }

  /** @throws ModelNotFoundError */
  model(idOrAlias: string): CatalogueModel {
    const model = this.catalogue.find(idOrAlias);
    if (!model) throw ModelNotFoundError.of(idOrAlias);
    return model;
  }

  private async reserve(order: AnalysisOrder, bound: BoundChat): Promise<Reservation> {
    const { requestId, userId, accessId, claim, isWaiting = false } = order;
    const { model, tier } = bound.chat;
    const { inputTokens, outputTokens } = bound.plan;
    try {
      return await this.metering.reserve({
        requestId,
        userId,
        accessId,
        tier,
        model: { id: model.id, versionNo: model.versionNo },
        amountUcr: amountOf(bound),
        boundTokens: inputTokens + repairTokensOf(bound) + 2 * outputTokens,
        ttlMs: HOLD_MS,
        isWaiting,
        idempotency: claim,
      });
    } catch (error) {
      // The connection broke after the hold may have been taken: the caller gets no answer, so nothing may stay held.
      if (isOutcomeUnknown(error)) void this.giveBack(order, 'outcome unknown');
      throw error;
    }
  }
}

function toHeld(order: AnalysisOrder, bound: BoundChat, reservation: Reservation): HeldAnalysis {
  const { id: modelId, versionNo } = bound.chat.model;
  return { ...order, modelId, versionNo, inputTokens: bound.plan.inputTokens, bound, reservation };
}

/** The most that an analysis can cost: its question, and one more for the repair of its answer. */
export function amountOf(bound: BoundChat): bigint {
  const { chat, plan } = bound;
  const repair = { inputTokens: repairTokensOf(bound), outputTokens: plan.outputTokens };
  return plan.amountUcr + upperBoundUcr(chat.model.prices, repair);
}

function repairTokensOf({ plan: { inputTokens, outputTokens } }: BoundChat): number {
  return inputTokens + outputTokens + REPAIR_TOKENS_MAX;
}
