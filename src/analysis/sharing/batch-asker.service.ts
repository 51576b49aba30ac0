import { Injectable } from '@nestjs/common';
import { type BoundChat, UnattendedAdmission } from '../../inference/unattended-admission.service.js';
import { UnattendedChat } from '../../inference/unattended-chat.service.js';
import { type FirstAnswer, firstAnswer, toCharge } from '../attempts/analysis-asker.service.js';
import { usageShares } from '../domain/usage-shares.js';
import { AnalysisHolds, type AnalysisOrder } from '../holds/analysis-holds.service.js';
import { answerText, batchChat, parseBatchAnswer } from '../kinds/kind-chat.js';

/** Asks a model about several texts of one user in one call, and splits what it used between them. */
@Injectable()
export class BatchAsker {
  constructor(
    private readonly admission: UnattendedAdmission,
    private readonly chat: UnattendedChat,
    private readonly holds: AnalysisHolds,
  ) {}

  /**
   * An answer to each, with its share of the call. Null where they may not share one.
   * @throws every refusal of a chat and the provider errors, after which there is nothing to charge
   */
  async ask(orders: readonly AnalysisOrder[]): Promise<FirstAnswer[] | null> {
    const [one] = orders;
    if (!one) throw new Error('a batch without a member');
    const texts = orders.map(({ text }) => text);
    const body = batchChat(one.kind, this.holds.model(one.modelId), texts);
    const bound = await this.admission.admit(body, one.userId, { versionNo: one.versionNo });
    if (!hasOnePrice(bound)) return null;
    const { completion, attempt } = await this.chat.ask(bound, one);
    const results = parseBatchAnswer(answerText(completion), orders.length);
    const weights = texts.map((text, index) => ({
      input: Buffer.byteLength(text),
      output: JSON.stringify(results[index] ?? null).length,
    }));
    const shares = usageShares(attempt.usage, weights);
    const batch = {
      size: orders.length,
      of: one.requestId,
      tokens: attempt.usage.inputTokens + attempt.usage.outputTokens,
    };
    return orders.map((order, index) => {
      const charge = toCharge({ ...attempt, usage: shares[index]! }, order, { batch });
      const parsed = results[index];
      return firstAnswer(order, charge, { parsed, text: parsed === undefined ? '' : JSON.stringify(parsed) });
    });
  }
}

/** Above the bound of a model's long context all tokens cost more: shares, which are below it, would not add up to the call. */
function hasOnePrice({ chat, plan }: BoundChat): boolean {
  const { longContext } = chat.model.prices;
  return longContext === null || plan.inputTokens <= longContext.aboveInputTokens;
}
