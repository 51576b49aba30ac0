import { Injectable } from '@nestjs/common';
import { isOutcomeUnknown } from '../common/errors/passing-failure.js';
import { upperBoundUcr } from '../usage/domain/cost.js';
import { ApiUsageCounter } from '../monitoring/api-usage/api-usage-counter.service.js';
import { MeteringService } from '../usage/metering.service.js';
import { isOfBound } from '../usage/reserve-refusal.js';
import type { EmbeddingCall } from './admitted-embedding.js';
import { ChatHoldService } from './chat-hold.service.js';
import { countedEmbedding, embeddingBound, type EmbeddingSize } from './domain/embedding-bound.js';
import type { ReportedUsage } from './domain/reported-usage.js';
import { ContextLengthExceededError } from './inference.errors.js';
import type { PricedModel } from './model-access.js';
import { giveBack, OpenHold } from './open-hold.js';
import { DECISIVE_COUNT_LIMIT_MS, TokenCounter } from './token-counter.service.js';
import { type EmbeddingBody, inputsOf } from './wire/embedding.js';

type Inputs = readonly (string | number[])[];

/** Bounds and opens the hold of a request for embeddings. */
@Injectable()
export class EmbeddingHoldService {
  constructor(
    private readonly metering: MeteringService,
    private readonly holds: ChatHoldService,
    private readonly counter: TokenCounter,
    private readonly apiUsage: ApiUsageCounter,
  ) {}

  /** Holds the bound by bytes, or what was counted where the balance or a limit of tokens does not cover that. */
  async open(call: EmbeddingCall): Promise<{ hold: OpenHold; inputTokens: number }> {
    const { model, body } = call.admitted;
    const { contextLength } = model.meta;
    const inputs = inputsOf(body);
    const bound = embeddingBound(inputs, contextLength);
    if (bound.longest > contextLength) await this.refuseTooLong(model, inputs);
    try {
      return { hold: await this.reserve(call, bound.total), inputTokens: bound.total };
    } catch (error) {
      if (!isOfBound(error)) throw error;
      const counted = await this.count(inputs);
      if (!counted || counted.total >= bound.total) throw error;
      return { hold: await this.reserve(call, counted.total), inputTokens: counted.total };
    }
  }

  /** What cannot be counted in time is left to the provider to refuse. */
  private async refuseTooLong(model: PricedModel, inputs: Inputs): Promise<void> {
    const longest = (await this.count(inputs))?.longest ?? 0;
    const limit = model.meta.contextLength;
    if (longest > limit) throw new ContextLengthExceededError({ model: model.id, limit, tokens: longest });
  }

  private async reserve(
    { requestId, principal, admitted, keeper }: EmbeddingCall,
    inputTokens: number,
  ): Promise<OpenHold> {
    const { model, tier } = admitted;
    const began = performance.now();
    const { ttlMs } = this.holds;
    const reservation = await this.metering
      .reserve({
        requestId,
        ...principal,
        tier,
        model: { id: model.id, versionNo: model.versionNo },
        amountUcr: upperBoundUcr(model.prices, { inputTokens, outputTokens: 0 }),
        boundTokens: inputTokens,
        ttlMs,
        idempotency: keeper?.claim,
      })
      .catch((error: unknown) => {
        // As for a chat: the hold may have been taken, and nobody gets an answer.
        if (isOutcomeUnknown(error)) {
          void giveBack(this.metering, { requestId, userId: principal.userId }, 'outcome unknown');
        }
        throw error;
      });
    return new OpenHold(this.metering, reservation, { holdMs: performance.now() - began, ttlMs }, this.apiUsage);
  }

  /** The usage of an answer whose provider reported none, never more than what was held. */
  async estimate(body: EmbeddingBody, inputTokensMax: number): Promise<ReportedUsage> {
    const counted = await this.count(inputsOf(body), DECISIVE_COUNT_LIMIT_MS);
    const inputTokens = Math.min(counted?.total ?? inputTokensMax, inputTokensMax);
    return { inputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
  }

  /** Null where there was no time for it. */
  private async count(inputs: Inputs, limitMs?: number): Promise<EmbeddingSize | null> {
    const groups = inputs.map((input) => (typeof input === 'string' ? [input] : []));
    const counts = await this.counter.count(groups, limitMs);
    return counts && countedEmbedding(inputs, counts);
  }
}
