import { Injectable } from '@nestjs/common';
import type { Reservation, Settlement } from '../usage/metering.service.js';
import { answerHeaders, JSON_HEADERS } from './answer-headers.js';
import { ChatAttempts } from './chat-attempts.service.js';
import { toAttempt, toProviderRequest, type ChatCall } from './chat-call.js';
import { ChatStream, HEARTBEAT_MS } from './chat-stream.js';
import { ChatHoldService } from './chat-hold.service.js';
import type { HoldPlan } from './hold-planner.service.js';
import { InFlightRequests } from './in-flight-requests.js';
import { ClientLeftError } from './inference.errors.js';
import type { OpenHold } from './open-hold.js';
import { UsageEstimator } from './usage-estimator.service.js';
import { callsTools, generatedTexts } from './wire/chat-answer.js';
import { toWireUsage } from './wire/wire-usage.js';

/** Why a hold was given back that nobody waited for any more. */
const CLIENT_LEFT = 'client_left';

export interface PlainAnswer {
  /** As it was answered: by another model where that of the caller failed. */
  call: ChatCall;
  /** In the caller's dialect. */
  body: object;
  plan: HoldPlan;
  reservation: Reservation;
  settlement: Settlement;
}

export interface OpenedStream {
  call: ChatCall;
  plan: HoldPlan;
  hold: OpenHold;
  stream: ChatStream;
}

/** The way of an admitted chat: bound, reserve, provider, settle, respond. Whatever happens, its hold ends exactly once. */
@Injectable()
export class InferenceService {
  heartbeatMs = HEARTBEAT_MS;

  constructor(
    private readonly holds: ChatHoldService,
    private readonly estimator: UsageEstimator,
    private readonly inFlight: InFlightRequests,
    private readonly attempts: ChatAttempts,
  ) {}

  /**
   * A whole answer, settled before it is returned.
   * @throws the refusals of `reserve`, ContextLengthExceededError, and the provider errors, after which nothing is charged.
   */
  async complete(call: ChatCall, hasClientLeft: () => boolean): Promise<PlainAnswer> {
    const leave = this.inFlight.enter();
    try {
      const { plan, hold } = await this.open(call, hasClientLeft);
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
  async stream(call: ChatCall, hasClientLeft: () => boolean): Promise<OpenedStream> {
    const leave = this.inFlight.enter();
    try {
      const { plan, hold } = await this.open(call, hasClientLeft);
      const opened = await this.openStream(call, { plan, hold, hasClientLeft });
      if (hasClientLeft()) opened.stream.leave();
      void opened.stream
        .run()
        .then((interruption) => interruption && this.attempts.note(opened.call, interruption))
        .finally(leave);
      return opened;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** @throws ClientLeftError where nobody waits for the answer any more: no provider is asked then. */
  private async open(call: ChatCall, hasClientLeft: () => boolean): Promise<{ plan: HoldPlan; hold: OpenHold }> {
    const opened = await this.holds.open(call);
    if (!hasClientLeft()) return opened;
    await opened.hold.void(CLIENT_LEFT);
    throw new ClientLeftError();
  }

  private async openStream(
    call: ChatCall,
    { plan, hold, hasClientLeft }: { plan: HoldPlan; hold: OpenHold; hasClientLeft: () => boolean },
  ): Promise<OpenedStream> {
    try {
      return await this.attempts.first({ call, plan }, hasClientLeft, async (tried, limit) => {
        const { estimator, heartbeatMs } = this;
        const watch = this.holds.watch(tried.call, tried.plan);
        const stream = new ChatStream(tried.call, { plan: tried.plan, hold, estimator, watch, limit, heartbeatMs });
        await stream.open();
        return { ...tried, hold, stream };
      });
    } catch (error) {
      await hold.void(reasonOf(error));
      throw error;
    }
  }

  private async callAndSettle(
    asked: ChatCall,
    { plan: held, hold, hasClientLeft }: { plan: HoldPlan; hold: OpenHold; hasClientLeft: () => boolean },
  ): Promise<PlainAnswer> {
    const began = performance.now();
    const { call, plan, answer } = await this.attempts
      .first({ call: asked, plan: held }, hasClientLeft, async (tried, limit) => {
        const request = toProviderRequest(tried.call, tried.plan, limit);
        const complete = () => tried.call.chat.route.provider.complete(request, limit.signal);
        return { ...tried, answer: await limit.run(complete).finally(() => limit.release()) };
      })
      .catch(async (error: unknown) => {
        await hold.void(reasonOf(error));
        throw error;
      });
    const { chat } = call;
    const { completion } = answer;
    const usage =
      answer.usage ?? (await this.estimator.estimate(chat, plan, generatedTexts(completion.choices).join('')));
    const whole = { ...completion, usage: completion.usage ?? toWireUsage(usage) };
    const body = call.dialect.writeAnswer({ ...call, completion: whole, usage });
    call.keeper?.add(JSON.stringify(body));
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
    return { call, body, plan, reservation: hold.reservation, settlement };
  }
}

/** Why a hold is given back whose call came to nothing. */
function reasonOf(error: unknown): string {
  return error instanceof ClientLeftError ? CLIENT_LEFT : 'provider_error';
}
