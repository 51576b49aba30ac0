import { applyDecorators, Body, Param, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { parseCredits } from '../common/domain/micro-credits.js';
import { InvalidRequestError, NotFoundError } from '../common/errors/common.errors.js';
import { isUuid } from '../common/ids.js';
import { GRANT_UCR_MAX } from './domain/grant-limit.js';
import { IdempotentRequests, type KeyedRequest } from './idempotent-requests.service.js';
import { KeyedSender, type Sender } from './keyed-sender.js';
import { type Corrected, LedgerService } from './ledger.service.js';
import {
  AdjustmentRequest,
  CorrectionView,
  type KeyedCorrectionRequest,
  RefundRequest,
  ReversalRequest,
  toCorrectionView,
} from './posting.dto.js';

/** What all corrections have in common. */
function Correction(summary: string): MethodDecorator {
  return applyDecorators(
    ApiOperation({ summary }),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'Required here or as idempotencyKey in the body; kept for 24 hours',
    }),
    ApiResponse({
      status: 201,
      type: CorrectionView,
      description: 'With the header Idempotent-Replayed: true for a repeat',
    }),
    ApiResponse({ status: 400, description: 'idempotency_key_invalid, or a field breaks its rule' }),
    ApiResponse({ status: 404, description: 'user_not_found, or not_found: the user has no such grant or posting' }),
  );
}

@AdminController('admin/credits', 'admin')
export class PostingsAdminController {
  constructor(
    private readonly ledger: LedgerService,
    private readonly requests: IdempotentRequests,
    private readonly clock: Clock,
  ) {}

  @Post('adjustments')
  @Correction('Adds credits to a grant, or takes free ones from it; open debt is repaid first')
  @ApiResponse({ status: 409, description: 'grant_ended' })
  @ApiResponse({ status: 422, description: 'credits_not_free, naming what is; idempotency_mismatch' })
  async adjust(
    @Body() body: AdjustmentRequest,
    @KeyedSender() sender: Sender,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CorrectionView> {
    const amountUcr = checkedAmount(body.amount);
    const { grantId, userId, reason } = body;
    const request = this.requestOf(
      { path: 'adjustments', action: 'adjust' },
      { body, sender },
      { grantId, amount: amountUcr.toString() },
    );
    return this.once(request, reply, (now) =>
      this.ledger.adjust({ userId, reason, actorId: sender.actorId }, { grantId, amountUcr }, now),
    );
  }

  @Post('postings/:postingId/reversal')
  @Correction('Cancels one posting exactly, once: usage, debt, a grant or an adjustment')
  @ApiResponse({ status: 409, description: 'posting_reversed, grant_ended, debt_repaid' })
  @ApiResponse({ status: 422, description: 'posting_not_reversible, credits_not_free, idempotency_mismatch' })
  async reverse(
    @Param('postingId') postingId: string,
    @Body() body: ReversalRequest,
    @KeyedSender() sender: Sender,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CorrectionView> {
    const { userId, reason } = body;
    if (!isUuid(postingId)) throw new NotFoundError(`The user ${userId} has no posting ${postingId}.`);
    const request = this.requestOf(
      { path: 'postings/{postingId}/reversal', action: 'reverse' },
      { body, sender },
      { postingId },
    );
    return this.once(request, reply, (now) =>
      this.ledger.reverse({ userId, reason, actorId: sender.actorId }, postingId, now),
    );
  }

  @Post('refunds')
  @Correction('Cancels all that a request cost, in one transaction')
  @ApiResponse({ status: 409, description: 'posting_reversed, grant_ended, debt_repaid: then nothing is refunded' })
  @ApiResponse({ status: 422, description: 'idempotency_mismatch' })
  async refund(
    @Body() body: RefundRequest,
    @KeyedSender() sender: Sender,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CorrectionView> {
    const { requestId, userId, reason } = body;
    const request = this.requestOf({ path: 'refunds', action: 'refund' }, { body, sender }, { requestId });
    return this.once(request, reply, (now) =>
      this.ledger.refund({ userId, reason, actorId: sender.actorId }, requestId, now),
    );
  }

  private requestOf(
    kind: { path: string; action: string },
    sent: { body: KeyedCorrectionRequest; sender: Sender },
    parameters: Record<string, string>,
  ): KeyedRequest {
    const { userId, reason, idempotencyKey } = sent.body;
    return {
      sender: sent.sender,
      route: `POST /admin/credits/${kind.path}`,
      action: `credits.${kind.action}`,
      keyInBody: idempotencyKey,
      parameters: { ...parameters, userId, reason },
    };
  }

  private async once(
    request: KeyedRequest,
    reply: FastifyReply,
    work: (now: Date) => Promise<Corrected>,
  ): Promise<CorrectionView> {
    const now = this.clock.now();
    const { answer, isReplay } = await this.requests.once(request, now, async () => ({
      answer: toCorrectionView(await work(now)),
      isReplay: false,
    }));
    if (isReplay) void reply.header('idempotent-replayed', 'true');
    return answer;
  }
}

function checkedAmount(text: string): bigint {
  const amountUcr = parseCredits(text);
  const magnitude = amountUcr < 0n ? -amountUcr : amountUcr;
  if (magnitude > 0n && magnitude <= GRANT_UCR_MAX) return amountUcr;
  throw InvalidRequestError.of([
    { field: 'amount', message: 'must not be 0, and at most 1000000 credits in either direction' },
  ]);
}
