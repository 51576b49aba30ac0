import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/errors/app-error.js';
import { OverloadedError } from '../../common/errors/common.errors.js';
import { UnattendedAdmission } from '../../inference/unattended-admission.service.js';
import { UnattendedChat } from '../../inference/unattended-chat.service.js';
import type { UsageAttempt } from '../../usage/metering.service.js';
import type { AnalysisCharge, ModelAnswer } from '../analysis.entity.js';
import { AnalysisHolds, type AnalysisOrder } from '../holds/analysis-holds.service.js';
import { answerText, type FaultyAnswer, kindChat, parseAnswer, repairBound } from '../kinds/kind-chat.js';
import { resultFaults } from '../kinds/result-schema.js';

/** What the first call about a text came to. */
export interface FirstAnswer {
  charge: AnalysisCharge;
  /** Null where the answer does not fit its form. */
  result: Record<string, unknown> | null;
  faulty: FaultyAnswer;
}

/** Asks a model about a text, and once more where its answer does not fit the form. */
@Injectable()
export class AnalysisAsker {
  constructor(
    private readonly admission: UnattendedAdmission,
    private readonly chat: UnattendedChat,
    private readonly holds: AnalysisHolds,
  ) {}

  /**
   * With every call that is to be charged. An answer that does not fit even after its repair is one with a reason.
   * @throws every refusal of a chat and the provider errors, after which there is nothing to charge
   */
  async ask(order: AnalysisOrder): Promise<ModelAnswer> {
    return this.orRepaired(order, await this.askOnce(order, 1));
  }

  /**
   * A first answer that fits, or what comes of asking for it again. Never rejects for a reason of the model or its provider.
   * @throws OverloadedError, after which there is nothing to charge
   */
  async orRepaired(order: AnalysisOrder, first: FirstAnswer): Promise<ModelAnswer> {
    if (first.result || order.signal?.aborted) return { charges: [first.charge], result: first.result, reason: null };
    try {
      const second = await this.askOnce(order, 2, first.faulty);
      const charges = [first.charge, second.charge];
      const reason = `the answer did not fit its form, also when asked again: ${second.faulty.faults.join('; ')}`;
      return second.result ? { charges, result: second.result, reason: null } : { charges, result: null, reason };
    } catch (error) {
      // What the first call used is charged all the same, so it may not be lost to an attempt from the beginning: but for one that this
      // process owes, because it stops or has no room.
      if (!(error instanceof AppError) || error instanceof OverloadedError) throw error;
      const reason = `the answer did not fit its form (${first.faulty.faults.join('; ')}), and could not be asked for again (${error.code})`;
      return { charges: [first.charge], result: null, reason };
    }
  }

  private async askOnce(order: AnalysisOrder, attemptNo: number, faulty?: FaultyAnswer): Promise<FirstAnswer> {
    const { kind, modelId, text, userId, versionNo, inputTokens } = order;
    const body = kindChat(kind, this.holds.model(modelId), text, faulty);
    const terms = { versionNo, inputTokens: inputTokens && inputTokens + (faulty ? repairBound(faulty) : 0) };
    const bound = await this.admission.admit(body, userId, terms);
    const { completion, attempt } = await this.chat.ask(bound, order, order.signal);
    const answer = answerText(completion);
    return firstAnswer(order, toCharge({ ...attempt, attemptNo }, order), {
      parsed: parseAnswer(answer),
      text: answer,
    });
  }
}

/** An answer beside the form that it should have. */
export function firstAnswer(
  { kind }: AnalysisOrder,
  charge: AnalysisCharge,
  { parsed, text }: { parsed: unknown; text: string },
): FirstAnswer {
  const faults = parsed === undefined ? ['it holds no JSON object'] : resultFaults(kind.outputSchema, parsed);
  const result = faults.length === 0 ? (parsed as Record<string, unknown>) : null;
  return { charge, result, faulty: { text, faults } };
}

/** A call as its analysis keeps it, until it is charged and after. */
export function toCharge(
  { model, ...attempt }: UsageAttempt,
  { kind }: AnalysisOrder,
  about: object = {},
): AnalysisCharge {
  const { id: modelId, versionNo: modelVersionNo } = model;
  const metadata = { ...attempt.metadata, kind: kind.kind, kindVersion: kind.version, ...about };
  return { ...attempt, operation: 'analysis', metadata, modelId, modelVersionNo };
}
