import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { lifecycleHeaders } from '../models/domain/lifecycle-headers.js';
import { formatParametersApplied } from '../models/domain/parameters-applied.js';
import type { Reservation, Settlement, UsageAttempt } from '../usage/metering.service.js';
import { JSON_HEADERS } from './answer-headers.js';
import type { AdmittedEmbedding, EmbeddingCall } from './admitted-embedding.js';
import { toProviderError } from './chat-call.js';
import type { ReportedUsage } from './domain/reported-usage.js';
import { EmbeddingHoldService } from './embedding-hold.service.js';
import { ClientLeftError } from './inference.errors.js';
import { InFlightRequests } from './in-flight-requests.js';
import type { OpenHold } from './open-hold.js';
import type { EmbeddingAnswer } from './providers/chat-provider.js';
import { ErrorRecorder } from './resilience/error-recorder.service.js';
import { encodeVector, inputsOf, type EmbeddingList } from './wire/embedding.js';

/** Whole inputs of 2 MiB take a provider seconds, not minutes; waiting for a place may take as long. */
const ANSWER_MS_MAX = 240_000;

export interface EmbeddedInputs {
  list: EmbeddingList;
  headers: Record<string, string>;
  reservation: Reservation;
  settlement: Settlement;
}

/** Turns texts into vectors: bound, reserve, provider, settle, respond, as a chat does. */
@Injectable()
export class EmbeddingService {
  constructor(
    private readonly holds: EmbeddingHoldService,
    private readonly inFlight: InFlightRequests,
    private readonly config: Config,
    private readonly errors: ErrorRecorder,
  ) {}

  /** @throws the refusals of `reserve`, ContextLengthExceededError, ClientLeftError where nobody waits any more, and the provider errors, after which nothing is charged. */
  async embed(call: EmbeddingCall): Promise<EmbeddedInputs> {
    const leave = this.inFlight.enter();
    try {
      const { hold, inputTokens } = await this.holds.open(call);
      try {
        if (call.hasClientLeft()) {
          await hold.void('client_left');
          throw new ClientLeftError();
        }
        return await this.callAndSettle(call, hold, inputTokens);
      } finally {
        await hold.void('failed');
      }
    } finally {
      leave();
    }
  }

  private async callAndSettle(call: EmbeddingCall, hold: OpenHold, inputTokens: number): Promise<EmbeddedInputs> {
    const { model, body, applied } = call.admitted;
    const began = performance.now();
    const answer = await this.ask(call, hold);
    const usage = answer.usage ?? (await this.holds.estimate(body, inputTokens));
    const list = toList(answer, call.admitted, usage);
    call.keeper?.add(JSON.stringify(list));
    const attempt: UsageAttempt = {
      attemptNo: 1,
      model,
      provider: call.admitted.provider.name,
      providerRequestId: answer.providerRequestId,
      operation: 'embedding',
      usage: { ...usage, imageCount: 0, imageTokens: 0, source: answer.usage ? 'provider' : 'estimated' },
      outcome: call.hasClientLeft() ? 'client_aborted' : 'completed',
      latencyMs: Math.round(performance.now() - began),
      firstTokenMs: null,
      metadata: {
        parameters: { sent: { ...(body.dimensions && { dimensions: body.dimensions }) }, applied },
        holdMs: Math.round(hold.holdMs),
        tier: call.admitted.tier,
        inputs: inputsOf(body).length,
      },
    };
    const headers = embeddingHeaders(call.admitted);
    const settlement = await hold.settle(attempt, call.keeper?.keep({ ...headers, ...JSON_HEADERS }));
    return { list, headers, reservation: hold.reservation, settlement };
  }

  private async ask(
    { requestId, principal, admitted, hasClientLeft }: EmbeddingCall,
    hold: OpenHold,
  ): Promise<EmbeddingAnswer> {
    const { model, body, provider } = admitted;
    const limit = this.inFlight.timeLimit(this.config.providerTimeoutMs, ANSWER_MS_MAX);
    limit.isWanted = () => !hasClientLeft();
    const { userId } = principal;
    const request = { requestId, userId, place: limit, model: { id: model.id, name: model.name }, body };
    try {
      return await limit.run(() => provider.embed(request, limit.signal));
    } catch (thrown) {
      await hold.void('provider_error');
      const error = toProviderError(thrown, requestId, limit);
      this.errors.note(error, { provider: provider.name, modelId: model.id, requestId });
      throw error;
    } finally {
      limit.release();
    }
  }
}

/** What the head of an answer says of the model and of what was changed on the way there. */
function embeddingHeaders({ model, isSandbox, applied }: AdmittedEmbedding): Record<string, string> {
  return {
    ...(applied.length > 0 && { 'x-parameters-applied': formatParametersApplied(applied) }),
    ...lifecycleHeaders(model),
    ...(isSandbox && { 'x-sandbox': '1' }),
  };
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
