import { Injectable } from '@nestjs/common';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { isOutcomeUnknown } from '../../common/errors/passing-failure.js';
import type { Principal } from '../../common/http/principal.js';
import { StoredAnswers } from '../../credits/stored-answers.service.js';
import { JSON_HEADERS } from '../../inference/answer-headers.js';
import type { AnswerKeeper } from '../../inference/idempotency/answer-keeper.js';
import { AnalysisHolds, type HeldAnalysis } from '../holds/analysis-holds.service.js';
import { AnalysisKinds } from '../kinds/analysis-kinds.service.js';
import { AnalysisSubmission, type QueuedAnalysis } from './analysis-submission.service.js';
import { type CreateAnalysisRequest, type QueuedAnalysisView, toAnalysisView } from './analysis.dto.js';

const ACCEPTED = 202;

export interface AnalysisRequest {
  requestId: string;
  principal: Pick<Principal, 'userId' | 'accessId'>;
  asked: CreateAnalysisRequest;
  /** Keeps the answer for a repeat, where the request came with a key of its own. */
  keeper: AnswerKeeper | undefined;
}

/** The way of a request into the queue: checks, hold, row. Whatever is refused has held and queued nothing. */
@Injectable()
export class AnalysisIntake {
  constructor(
    private readonly kinds: AnalysisKinds,
    private readonly holds: AnalysisHolds,
    private readonly submission: AnalysisSubmission,
    private readonly answers: StoredAnswers,
  ) {}

  /** @throws AnalysisKindNotFoundError, InvalidRequestError, every refusal of a chat and of `reserve` */
  async take({ requestId, principal, asked, keeper }: AnalysisRequest): Promise<QueuedAnalysisView> {
    const { userId, accessId } = principal;
    const kind = await this.kinds.current(asked.kind);
    const deadlineAt = this.submission.deadlineOf(asked);
    const modelId = asked.model ?? kind.modelId;
    const order = {
      analysisId: requestId,
      requestId,
      userId,
      accessId,
      kind,
      modelId,
      text: asked.text,
      isWaiting: true,
      claim: keeper?.claim,
    };
    const held = await this.holds.hold(order);
    const queued = await this.queue(held, asked, deadlineAt);
    await this.holds.keepUntil(held, deadlineAt);
    return toQueuedView(held, queued);
  }

  private async queue(held: HeldAnalysis, asked: CreateAnalysisRequest, deadlineAt: Date): Promise<QueuedAnalysis> {
    try {
      return await this.submission.queue(held, { asked, deadlineAt }, async (em, queued) => {
        const { claim, userId, requestId } = held;
        if (!claim) return;
        const answer = {
          requestId,
          status: ACCEPTED,
          headers: JSON_HEADERS,
          body: JSON.stringify(toQueuedView(held, queued)),
        };
        await this.answers.keep(em, { userId, claim }, answer, queued.analysis.createdAt);
      });
    } catch (error) {
      // Where the connection broke it may be queued all the same, and is charged then: otherwise its hold is over soon by itself.
      if (!isOutcomeUnknown(error)) await this.holds.giveBack(held, 'not queued');
      throw error;
    }
  }
}

function toQueuedView(
  { reservation }: HeldAnalysis,
  { analysis, position, estimatedStartAt }: QueuedAnalysis,
): QueuedAnalysisView {
  return Object.assign(toAnalysisView(analysis), {
    position,
    estimatedStartAt: estimatedStartAt.toISOString(),
    creditsHeld: formatCredits(reservation.amountUcr),
  });
}
