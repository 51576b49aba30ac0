import { Injectable, StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Clock } from '../common/clock.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import { EVENT_STREAM_HEADERS } from '../common/http/event-stream-headers.js';
import type { InferenceHttpRequest } from './admitted-chat.js';
import { answerHeaders } from './answer-headers.js';
import type { ChatCall } from './chat-call.js';
import { rateLimitHeaders } from '../usage/domain/rate-limit-headers.js';
import type { Reservation } from '../usage/metering.service.js';
import type { HoldPlan } from './hold-planner.service.js';
import { ChargeOnce } from './idempotency/charge-once.service.js';
import { ClientLeftError } from './inference.errors.js';
import { InferenceService } from './inference.service.js';

/** Puts an admitted chat on its way and its outcome on the wire: the head tells what was changed, held and charged. */
@Injectable()
export class ChatResponder {
  constructor(
    private readonly inference: InferenceService,
    private readonly chargeOnce: ChargeOnce,
    private readonly clock: Clock,
  ) {}

  async respond(request: InferenceHttpRequest, reply: FastifyReply): Promise<object | string> {
    return this.chargeOnce.respond<object>(request, reply, (keeper) => {
      const call = { ...this.callOf(request), keeper };
      return call.chat.body.stream ? this.stream(call, reply) : this.complete(call, reply);
    });
  }

  private async complete(call: ChatCall, reply: FastifyReply): Promise<object> {
    const answered = await this.inference.complete(call, () => reply.raw.destroyed);
    const { body, settlement } = answered;
    this.describe(answered.call, answered, reply);
    reply.header('x-credits-charged', formatCredits(settlement.chargedUcr));
    reply.header('x-credits-remaining', formatCredits(settlement.availableUcr));
    return body;
  }

  private async stream(call: ChatCall, reply: FastifyReply): Promise<StreamableFile> {
    const { call: answered, stream, plan, hold } = await this.inference.stream(call, () => reply.raw.destroyed);
    // The stream goes on by itself, to be settled.
    if (reply.raw.destroyed) throw new ClientLeftError();
    this.describe(answered, { plan, reservation: hold.reservation }, reply);
    reply.header('x-credits-held', formatCredits(hold.reservation.amountUcr));
    void reply.headers(EVENT_STREAM_HEADERS);
    // As a file it goes to the client as it is; as a stream it would be read and made into another one.
    return new StreamableFile(stream.output);
  }

  private describe(
    { chat }: ChatCall,
    { plan, reservation }: { plan: HoldPlan; reservation: Reservation },
    reply: FastifyReply,
  ): void {
    void reply.headers(rateLimitHeaders(reservation.limits, reservation.heldAt));
    void reply.headers(answerHeaders(chat, plan));
  }

  private callOf({ id, principal, admitted, dialect }: InferenceHttpRequest): ChatCall {
    if (!principal || !admitted || !dialect) throw new Error('a chat is answered after its guards');
    const { userId, accessId } = principal;
    return { requestId: id, userId, accessId, chat: admitted, dialect, startedAt: this.clock.now() };
  }
}
