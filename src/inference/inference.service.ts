import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { Reservation, Settlement } from '../usage/metering.service.js';
import { answerHeaders, JSON_HEADERS } from './answer-headers.js';
import { toAttempt, toProviderError, toProviderRequest, type ChatCall } from './chat-call.js';
import { ChatStream } from './chat-stream.js';
import { ANSWER_MS_MAX, ChatHoldService } from './chat-hold.service.js';
import type { HoldPlan } from './hold-planner.service.js';
import { InFlightRequests } from './in-flight-requests.js';
import type { OpenHold } from './open-hold.js';
import { TimeLimit } from './providers/time-limit.js';
import { UsageEstimator } from './usage-estimator.service.js';
import { callsTools, generatedTexts, type ChatCompletion } from './wire/chat-answer.js';
import { toWireUsage } from './wire/wire-usage.js';

/** The sandbox is local: waiting longer for it only makes its time-out model slow. */
const SANDBOX_LIMIT_MS = 2_000;

export interface PlainAnswer {
  completion: ChatCompletion;
  plan: HoldPlan;
  reservation: Reservation;
  settlement: Settlement;
}

export interface OpenedStream {
  plan: HoldPlan;
  hold: OpenHold;
  stream: ChatStream;
}

/** The way of an admitted chat: bound, reserve, provider, settle, respond. Whatever happens, its hold ends exactly once. */
@Injectable()
export class InferenceService {
  constructor(
    private readonly holds: ChatHoldService,
    private readonly estimator: UsageEstimator,
    private readonly inFlight: InFlightRequests,
    private readonly config: Config,
  ) {}

  /**
   * A whole answer, settled before it is returned.
   * @throws the refusals of `reserve`, ContextLengthExceededError, and the provider errors, after which nothing is charged.
   */
  async complete(call: ChatCall, hasClientLeft: () => boolean): Promise<PlainAnswer> {
    const leave = this.inFlight.enter();
    try {
      const { plan, hold } = await this.holds.open(call);
      try {
        return await this.callAndSettle(call, { plan, hold, hasClientLeft });
      } finally {
        await hold.void('failed');
      }
    } finally {
      leave();
    }
  }

  /**
   * A stream whose first event has arrived, so that a failure before it still has a status of its own. From here on the stream owns the hold.
   * @throws as `complete` does.
   */
  async stream(call: ChatCall): Promise<OpenedStream> {
    const leave = this.inFlight.enter();
    try {
      const { plan, hold } = await this.holds.open(call);
      const stream = await this.openStream(call, plan, hold);
      void stream.run().finally(leave);
      return { plan, hold, stream };
    } catch (error) {
      leave();
      throw error;
    }
  }

  private async openStream(call: ChatCall, plan: HoldPlan, hold: OpenHold): Promise<ChatStream> {
    const limit = this.timeLimitFor(call);
    try {
      const stream = new ChatStream(call, { plan, hold, estimator: this.estimator, limit });
      await stream.open();
      return stream;
    } catch (thrown) {
      limit.release();
      await hold.void('provider_error');
      throw toProviderError(thrown, call.requestId, limit);
    }
  }

  private async callAndSettle(
    call: ChatCall,
    { plan, hold, hasClientLeft }: { plan: HoldPlan; hold: OpenHold; hasClientLeft: () => boolean },
  ): Promise<PlainAnswer> {
    const { chat, requestId } = call;
    const began = performance.now();
    const limit = this.timeLimitFor(call);
    const request = toProviderRequest(call, plan);
    const answer = await limit
      .run(() => chat.route.provider.complete(request, limit.signal))
      .catch(async (thrown: unknown) => {
        await hold.void('provider_error');
        throw toProviderError(thrown, requestId, limit);
      })
      .finally(() => limit.release());
    const { completion } = answer;
    const usage =
      answer.usage ?? (await this.estimator.estimate(chat, plan, generatedTexts(completion.choices).join('')));
    const whole = { ...completion, usage: completion.usage ?? toWireUsage(usage) };
    call.keeper?.add(JSON.stringify(whole));
    const settlement = await hold.settle(
      toAttempt(call, plan, {
        usage,
        source: answer.usage ? 'provider' : 'estimated',
        outcome: hasClientLeft() ? 'client_aborted' : 'completed',
        callsTools: callsTools(completion.choices),
        providerRequestId: answer.providerRequestId,
        latencyMs: performance.now() - began,
        firstTokenMs: null,
        holdMs: hold.holdMs,
      }),
      call.keeper?.keep({ ...answerHeaders(chat, plan), ...JSON_HEADERS }),
    );
    return { completion: whole, plan, reservation: hold.reservation, settlement };
  }

  private timeLimitFor({ chat }: ChatCall): TimeLimit {
    const { providerTimeoutMs } = this.config;
    const stepMs = chat.route.isSandbox ? Math.min(providerTimeoutMs, SANDBOX_LIMIT_MS) : providerTimeoutMs;
    return new TimeLimit(stepMs, ANSWER_MS_MAX, this.inFlight.signal);
  }
}
