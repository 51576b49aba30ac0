import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import type { UsageAttempt } from '../usage/metering.service.js';
import { ChatAttempts } from './chat-attempts.service.js';
import { type ChatCall, toAttempt, toProviderRequest } from './chat-call.js';
import { CHAT_COMPLETIONS } from './dialects/chat-completions/chat-completions.dialect.js';
import type { PlannedCall } from './fallback-planner.service.js';
import { InFlightRequests } from './in-flight-requests.js';
import type { ProviderAnswer } from './providers/chat-provider.js';
import type { TimeLimit } from './providers/time-limit.js';
import type { BoundChat } from './unattended-admission.service.js';
import { UsageEstimator } from './usage-estimator.service.js';
import { callsTools, type ChatCompletion, generatedTexts } from './wire/chat-answer.js';

/** Whose chat it is, and under which hold. */
export type UnattendedCaller = Pick<ChatCall, 'requestId' | 'userId' | 'accessId' | 'analysisId'>;

export interface UnattendedAnswer {
  completion: ChatCompletion;
  /** What is to be charged for it. */
  attempt: UsageAttempt;
}

type AnsweredCall = PlannedCall & { answer: ProviderAnswer };

/** Asks models for work that no client waits for, through the circuits of every chat. Whoever asks holds before and settles after. */
@Injectable()
export class UnattendedChat {
  constructor(
    private readonly attempts: ChatAttempts,
    private readonly estimator: UsageEstimator,
    private readonly inFlight: InFlightRequests,
    private readonly clock: Clock,
  ) {}

  /**
   * This model alone, without its fallbacks. When `left` aborts, nobody wants the answer any more: the model is asked no longer, and where it is
   * being asked, it is awaited unless its `onDisconnect` is to cancel; what it answers by then is to be charged.
   * @throws the provider errors, after which there is nothing to charge, OverloadedError where the process stops, and the signal's reason,
   * which must be an AppError
   */
  async ask(
    { chat, plan }: BoundChat,
    caller: UnattendedCaller,
    left: AbortSignal = new AbortController().signal,
  ): Promise<UnattendedAnswer> {
    const asked: ChatCall = { ...caller, chat, dialect: CHAT_COMPLETIONS, startedAt: this.clock.now() };
    const leave = this.inFlight.enter();
    try {
      const began = performance.now();
      const answered = await this.attempts.only({ call: asked, plan }, complete, left);
      const { completion, usage, providerRequestId } = answered.answer;
      const attempt = toAttempt(answered.call, answered.plan, {
        usage: usage ?? (await this.estimate(answered, completion)),
        source: usage ? 'provider' : 'estimated',
        outcome: 'completed',
        callsTools: callsTools(completion.choices),
        providerRequestId,
        latencyMs: performance.now() - began,
        firstTokenMs: null,
        holdMs: 0,
      });
      return { completion, attempt };
    } finally {
      leave();
    }
  }

  private estimate({ call, plan }: PlannedCall, completion: ChatCompletion) {
    return this.estimator.estimate(call.chat, plan, generatedTexts(completion.choices).join(''));
  }
}

async function complete(tried: PlannedCall, limit: TimeLimit): Promise<AnsweredCall> {
  const request = toProviderRequest(tried.call, tried.plan, limit);
  const answer = await limit
    .run(() => tried.call.chat.route.provider.complete(request, limit.signal))
    .finally(() => limit.release());
  return { ...tried, answer };
}
