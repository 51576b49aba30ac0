import { Injectable } from '@nestjs/common';
import { isOutcomeUnknown } from '../common/errors/passing-failure.js';
import type { AppError } from '../common/errors/app-error.js';
import { InsufficientCreditsError } from '../credits/credits.errors.js';
import { ApiUsageCounter } from '../monitoring/api-usage/api-usage-counter.service.js';
import { MeteringService, type ReserveRequest } from '../usage/metering.service.js';
import { isOfBound } from '../usage/reserve-refusal.js';
import type { HoldableChat } from './admitted-chat.js';
import type { AnswerKeeper } from './idempotency/answer-keeper.js';
import { HoldPlanner, type HoldPlan } from './hold-planner.service.js';
import { giveBack, OpenHold } from './open-hold.js';
import { OverrunGuard, type OverrunWatch } from './overrun-guard.service.js';
import { BYTES_PER_TOKEN_MAX, COUNT_LIMIT_MS, DECISIVE_COUNT_LIMIT_MS } from './token-counter.service.js';

/** Longest life of one answer, streams included. */
export const ANSWER_MS_MAX = 600_000;
/**
 * How long a hold lives that nobody extends: what a killed process held is free again after this and a sweep. Long enough that two extensions
 * in a row may fail, and that most answers are over before the first.
 */
export const HOLD_TTL_MS = 150_000;

/** Whose credits are held, for what, under which key. */
export interface HoldRequest {
  requestId: string;
  userId: string;
  accessId: string;
  chat: HoldableChat;
  /** Keeps the answer, where the client sent a key of its own. */
  keeper?: AnswerKeeper | undefined;
}

/** Plans and opens the hold of a chat. */
@Injectable()
export class ChatHoldService {
  ttlMs = HOLD_TTL_MS;

  constructor(
    private readonly planner: HoldPlanner,
    private readonly metering: MeteringService,
    private readonly overruns: OverrunGuard,
    private readonly apiUsage: ApiUsageCounter,
  ) {}

  /**
   * Holds the upper bound by bytes, or by counted tokens where the balance or a limit of tokens does not cover that.
   * @throws ContextLengthExceededError and the refusals of `reserve`.
   */
  async open(request: HoldRequest): Promise<{ plan: HoldPlan; hold: OpenHold }> {
    const plan = await this.planner.plan(request.chat);
    try {
      return { plan, hold: await this.reserve(request, plan) };
    } catch (error) {
      if (!isOfBound(error)) throw error;
      const limitMs = mayFit(error, plan) ? DECISIVE_COUNT_LIMIT_MS : COUNT_LIMIT_MS;
      const counted = await this.planner.recount(request.chat, plan, limitMs);
      if (!counted) throw error;
      return { plan: counted, hold: await this.reserve(request, counted) };
    }
  }

  /** Watches that what a stream delivers stays within what its hold covers. */
  watch(request: HoldRequest, plan: HoldPlan): OverrunWatch {
    return this.overruns.watch(request, plan);
  }

  /** Why `open` would be refused now, given both plans; null if it would not. Nothing is kept. */
  async preview(request: HoldRequest, plan: HoldPlan, counted: HoldPlan | null): Promise<AppError | null> {
    const refusal = await this.metering.preview(this.toReserve(request, plan));
    if (!counted || !isOfBound(refusal)) return refusal;
    return this.metering.preview(this.toReserve(request, counted));
  }

  private async reserve(request: HoldRequest, plan: HoldPlan): Promise<OpenHold> {
    const began = performance.now();
    const reservation = await this.metering.reserve(this.toReserve(request, plan)).catch((error: unknown) => {
      // The connection broke after the hold may have been taken: the caller gets no answer, so nothing may stay held.
      if (isOutcomeUnknown(error)) void giveBack(this.metering, request, 'outcome unknown');
      throw error;
    });
    return new OpenHold(
      this.metering,
      reservation,
      { holdMs: performance.now() - began, ttlMs: this.ttlMs },
      this.apiUsage,
    );
  }

  private toReserve({ chat, requestId, userId, accessId, keeper }: HoldRequest, plan: HoldPlan): ReserveRequest {
    return {
      requestId,
      userId,
      accessId,
      tier: chat.tier,
      model: { id: chat.model.id, versionNo: chat.model.versionNo },
      amountUcr: plan.amountUcr,
      boundTokens: plan.inputTokens + plan.outputTokens * plan.choices,
      ttlMs: this.ttlMs,
      idempotency: keeper?.claim,
      largestMaxTokens: (availableUcr) => this.planner.largestMaxTokens(chat, plan, availableUcr),
    };
  }
}

/** Whether any count could be low enough. A balance that no count fits is not worth the time of the others. */
function mayFit(refusal: unknown, { amountUcr }: HoldPlan): boolean {
  return refusal instanceof InsufficientCreditsError && refusal.availableUcr * BYTES_PER_TOKEN_MAX >= amountUcr;
}
