import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { IdempotencyAnswerNotKeptError, IdempotencyInProgressError } from '../../credits/credits.errors.js';
import type { IdempotencyClaim } from '../../credits/hold.repository.js';
import { ANSWER_BYTES_MAX, StoredAnswers } from '../../credits/stored-answers.service.js';
import { AnsweredBefore } from '../../usage/answered-before.js';
import type { InferenceHttpRequest } from '../admitted-chat.js';
import { AnswerKeeper, tellCharge } from './answer-keeper.js';
import { requestHash } from './request-hash.js';

/** Whoever is asked again after a key was given back in this very moment tries once more, as a new request. */
const ROUNDS_MAX = 2;

/** Answers a charging request that may have been sent before: once for its key, and from what is kept afterwards. */
@Injectable()
export class ChargeOnce {
  constructor(private readonly answers: StoredAnswers) {}

  /**
   * Runs `answer`, which passes the keeper on to `reserve` and `settle`; or gives what was answered the first time. Without a key it only runs it.
   * @throws IdempotencyMismatchError, IdempotencyInProgressError, IdempotencyAnswerNotKeptError, and what `answer` throws.
   */
  async respond<Answer>(
    request: InferenceHttpRequest,
    reply: FastifyReply,
    answer: (keeper: AnswerKeeper | undefined) => Promise<Answer>,
  ): Promise<Answer | string> {
    const { id: requestId, idempotencyKey: key, principal, routeOptions } = request;
    if (key === undefined || !principal) return answer(undefined);
    const { userId } = principal;
    const route = `${request.method} ${routeOptions.url}`;
    const claim = { route, key, requestHash: requestHash(route, request.body) };
    for (let round = 1; ; round += 1) {
      try {
        return await answer(new AnswerKeeper(claim, { userId, requestId }, this.answers));
      } catch (thrown) {
        if (!(thrown instanceof AnsweredBefore)) throw thrown;
        const replayed = await this.replay({ userId, claim, availableUcr: thrown.availableUcr }, reply);
        if (replayed !== null) return replayed;
        if (round >= ROUNDS_MAX) throw new IdempotencyInProgressError(thrown.requestId);
      }
    }
  }

  private async replay(
    asked: { userId: string; claim: IdempotencyClaim; availableUcr: bigint },
    reply: FastifyReply,
  ): Promise<string | null> {
    const kept = await this.answers.find(asked.userId, asked.claim);
    if (!kept) return null;
    const { requestId, status, headers, body } = kept;
    const creditsCharged = headers['x-credits-charged'] ?? formatCredits(0n);
    if (body === null) {
      throw new IdempotencyAnswerNotKeptError({ requestId, creditsCharged, limitBytes: ANSWER_BYTES_MAX });
    }
    const remaining = formatCredits(asked.availableUcr);
    void reply.status(status).headers(headers);
    void reply.headers({ 'x-request-id': requestId, 'x-credits-remaining': remaining, 'idempotent-replayed': 'true' });
    return tellCharge(body, requestId, { credits_charged: creditsCharged, credits_remaining: remaining });
  }
}
