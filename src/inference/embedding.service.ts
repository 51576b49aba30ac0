import { Injectable } from '@nestjs/common';
import type { Tier } from '../common/domain/tiers.js';
import type { Principal } from '../common/http/principal.js';
import { Config } from '../config/config.js';
import { InsufficientCreditsError } from '../credits/credits.errors.js';
import { CatalogueService } from '../models/catalogue.service.js';
import { ModelNotFoundError } from '../models/models.errors.js';
import { SubscriptionService } from '../subscription/subscription.service.js';
import { upperBoundUcr } from '../usage/domain/cost.js';
import { MeteringService, type Settlement } from '../usage/metering.service.js';
import { toProviderError } from './chat-call.js';
import { ChatHoldService } from './chat-hold.service.js';
import { embeddingBound, countedEmbedding } from './domain/embedding-bound.js';
import type { ReportedUsage } from './domain/reported-usage.js';
import { InFlightRequests } from './in-flight-requests.js';
import { ContextLengthExceededError, ModelUnavailableError } from './inference.errors.js';
import { type PricedModel, refuseEmbedding } from './model-access.js';
import { OpenHold } from './open-hold.js';
import type { EmbeddingAnswer, EmbeddingProvider } from './providers/chat-provider.js';
import { ProviderRegistry } from './providers/provider-registry.js';
import { TimeLimit } from './providers/time-limit.js';
import { TokenCounter } from './token-counter.service.js';
import { type EmbeddingBody, encodeVector, inputsOf, type EmbeddingList } from './wire/embedding.js';

/** Whole inputs of 2 MiB take a provider seconds, not minutes. */
const ANSWER_MS_MAX = 120_000;

/** A request for embeddings that passed every guard. */
export interface AdmittedEmbedding {
  body: EmbeddingBody;
  model: PricedModel;
  provider: EmbeddingProvider & { name: string };
  isSandbox: boolean;
  tier: Tier;
}

export interface EmbeddingCall {
  requestId: string;
  principal: Pick<Principal, 'userId' | 'accessId'>;
  admitted: AdmittedEmbedding;
}

export interface EmbeddedInputs {
  list: EmbeddingList;
  settlement: Settlement;
}

/** Turns texts into vectors: bound, reserve, provider, settle, respond, as a chat does. */
@Injectable()
export class EmbeddingService {
  constructor(
    private readonly catalogue: CatalogueService,
    private readonly subscriptions: SubscriptionService,
    private readonly registry: ProviderRegistry,
    private readonly metering: MeteringService,
    private readonly holds: ChatHoldService,
    private readonly counter: TokenCounter,
    private readonly inFlight: InFlightRequests,
    private readonly config: Config,
  ) {}

  /**
   * Decides whether the request may be sent. A legacy model is never answered by its successor: the vectors of two models cannot be compared.
   * @throws ModelNotFoundError and the refusals of the model, the tier and the capability.
   */
  async admit(body: EmbeddingBody, userId: string): Promise<AdmittedEmbedding> {
    const model = this.catalogue.find(body.model);
    if (!model) throw ModelNotFoundError.of(body.model);
    const { tier } = await this.subscriptions.current(userId);
    const route = this.registry.routeOf(model);
    const refusal = refuseEmbedding(model, { tier, isServed: route !== null });
    if (refusal) throw refusal;
    const provider = route?.provider;
    if (!provider?.embed) throw new ModelUnavailableError(model.id, null);
    return {
      body,
      model: model as PricedModel,
      provider: provider as AdmittedEmbedding['provider'],
      isSandbox: route?.isSandbox ?? false,
      tier,
    };
  }

  /** @throws the refusals of `reserve`, ContextLengthExceededError, and the provider errors, after which nothing is charged. */
  async embed(call: EmbeddingCall): Promise<EmbeddedInputs> {
    const leave = this.inFlight.enter();
    try {
      const { hold, inputTokens } = await this.open(call);
      try {
        return await this.callAndSettle(call, hold, inputTokens);
      } finally {
        await hold.void('failed');
      }
    } finally {
      leave();
    }
  }

  /** Holds the bound by bytes, or what was counted where the balance does not cover that. */
  private async open(call: EmbeddingCall): Promise<{ hold: OpenHold; inputTokens: number }> {
    const { model, body } = call.admitted;
    const { contextLength } = model.meta;
    const inputs = inputsOf(body);
    const bound = embeddingBound(inputs, contextLength);
    if (bound.longest > contextLength) await this.refuseTooLong(model, inputs);
    try {
      return { hold: await this.reserve(call, bound.total), inputTokens: bound.total };
    } catch (error) {
      if (!(error instanceof InsufficientCreditsError)) throw error;
      const counts = await this.counter.count(inputs.map((input) => (typeof input === 'string' ? [input] : [])));
      const counted = counts && countedEmbedding(inputs, counts).total;
      if (counted === null || counted >= bound.total) throw error;
      return { hold: await this.reserve(call, counted), inputTokens: counted };
    }
  }

  /** What cannot be counted in time is left to the provider to refuse. */
  private async refuseTooLong(model: PricedModel, inputs: readonly (string | number[])[]): Promise<void> {
    const counts = await this.counter.count(inputs.map((input) => (typeof input === 'string' ? [input] : [])));
    const longest = counts ? countedEmbedding(inputs, counts).longest : 0;
    const limit = model.meta.contextLength;
    if (longest > limit) throw new ContextLengthExceededError({ model: model.id, limit, tokens: longest });
  }

  private async reserve({ requestId, principal, admitted }: EmbeddingCall, inputTokens: number): Promise<OpenHold> {
    const { model, tier } = admitted;
    const began = performance.now();
    const { ttlMs } = this.holds;
    const reservation = await this.metering.reserve({
      requestId,
      ...principal,
      tier,
      model: { id: model.id, versionNo: model.versionNo },
      amountUcr: upperBoundUcr(model.prices, { inputTokens, outputTokens: 0 }),
      boundTokens: inputTokens,
      ttlMs,
    });
    return new OpenHold(this.metering, reservation, { holdMs: performance.now() - began, ttlMs });
  }

  private async callAndSettle(call: EmbeddingCall, hold: OpenHold, inputTokens: number): Promise<EmbeddedInputs> {
    const { model, body } = call.admitted;
    const began = performance.now();
    const answer = await this.ask(call, hold);
    const usage = answer.usage ?? (await this.estimate(body, inputTokens));
    const settlement = await hold.settle({
      attemptNo: 1,
      model,
      provider: call.admitted.provider.name,
      providerRequestId: answer.providerRequestId,
      operation: 'embedding',
      usage: { ...usage, imageCount: 0, imageTokens: 0, source: answer.usage ? 'provider' : 'estimated' },
      outcome: 'completed',
      latencyMs: Math.round(performance.now() - began),
      firstTokenMs: null,
      metadata: {
        parameters: { sent: { ...(body.dimensions && { dimensions: body.dimensions }) }, applied: [] },
        holdMs: Math.round(hold.holdMs),
        tier: call.admitted.tier,
        inputs: inputsOf(body).length,
      },
    });
    return { list: toList(answer, call.admitted, usage), settlement };
  }

  private async ask({ requestId, admitted }: EmbeddingCall, hold: OpenHold): Promise<EmbeddingAnswer> {
    const { model, body, provider } = admitted;
    const limit = new TimeLimit(this.config.providerTimeoutMs, ANSWER_MS_MAX, this.inFlight.signal);
    const request = { requestId, model: { id: model.id, name: model.name }, body };
    try {
      return await limit.run(() => provider.embed(request, limit.signal));
    } catch (thrown) {
      await hold.void('provider_error');
      throw toProviderError(thrown, requestId, limit);
    } finally {
      limit.release();
    }
  }

  private async estimate(body: EmbeddingBody, inputTokensMax: number): Promise<ReportedUsage> {
    const inputs = inputsOf(body);
    const counts = await this.counter.count(inputs.map((input) => (typeof input === 'string' ? [input] : [])));
    const counted = counts ? countedEmbedding(inputs, counts).total : inputTokensMax;
    const inputTokens = Math.min(counted, inputTokensMax);
    return { inputTokens, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
  }
}

function toList(answer: EmbeddingAnswer, { model, body }: AdmittedEmbedding, usage: ReportedUsage): EmbeddingList {
  return {
    object: 'list',
    data: answer.vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: encodeVector(vector, body.encoding_format),
    })),
    model: model.id,
    usage: { prompt_tokens: usage.inputTokens, total_tokens: usage.inputTokens },
  };
}
