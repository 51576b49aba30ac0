import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { Clock } from '../common/clock.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import { lifecycleHeaders } from '../models/domain/lifecycle-headers.js';
import { formatParametersApplied } from '../models/domain/parameters-applied.js';
import type { InferenceHttpRequest } from './admitted-chat.js';
import type { ChatCall } from './chat-call.js';
import type { HoldPlan } from './hold-planner.service.js';
import { InferenceService } from './inference.service.js';
import type { ChatCompletion } from './wire/chat-answer.js';

/** Puts an admitted chat on its way and its outcome on the wire: the head tells what was changed, held and charged. */
@Injectable()
export class ChatResponder {
  constructor(
    private readonly inference: InferenceService,
    private readonly clock: Clock,
  ) {}

  async respond(request: InferenceHttpRequest, reply: FastifyReply): Promise<ChatCompletion | Readable> {
    const call = this.callOf(request);
    return call.chat.body.stream ? this.stream(call, reply) : this.complete(call, reply);
  }

  private async complete(call: ChatCall, reply: FastifyReply): Promise<ChatCompletion> {
    const { completion, plan, settlement } = await this.inference.complete(call, () => reply.raw.destroyed);
    this.describe(call, plan, reply);
    reply.header('x-credits-charged', formatCredits(settlement.chargedUcr));
    reply.header('x-credits-remaining', formatCredits(settlement.availableUcr));
    return completion;
  }

  private async stream(call: ChatCall, reply: FastifyReply): Promise<Readable> {
    const { stream, plan, hold } = await this.inference.stream(call);
    this.describe(call, plan, reply);
    reply.header('x-credits-held', formatCredits(hold.reservation.amountUcr));
    reply.header('content-type', 'text/event-stream; charset=utf-8');
    reply.header('cache-control', 'no-cache, no-transform');
    // Proxies such as nginx would otherwise collect the events.
    reply.header('x-accel-buffering', 'no');
    return stream.output;
  }

  private describe({ chat }: ChatCall, plan: HoldPlan, reply: FastifyReply): void {
    const applied = formatParametersApplied(plan.applied);
    if (applied) reply.header('x-parameters-applied', applied);
    // A caller that was redirected asked for the legacy model: that is the one it has to replace.
    void reply.headers(lifecycleHeaders(chat.redirectedFrom ?? chat.model));
    if (chat.route.isSandbox) reply.header('x-sandbox', '1');
  }

  private callOf({ id, principal, admitted }: InferenceHttpRequest): ChatCall {
    if (!principal || !admitted) throw new Error('a chat is answered after its guards');
    const { userId, accessId } = principal;
    return { requestId: id, userId, accessId, chat: admitted, startedAt: this.clock.now() };
  }
}
