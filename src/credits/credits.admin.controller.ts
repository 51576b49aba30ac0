import { Body, Get, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { parseCredits } from '../common/domain/micro-credits.js';
import { timeOf } from '../common/domain/times.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { Roles } from '../common/http/route-markers.js';
import { AdminGrantPage, toGrantPage } from './account.dto.js';
import { AllGrantsQuery } from './account.query.js';
import { AccountRecords } from './account-records.service.js';
import { AdminGrantRequest, GrantView, toGrantView } from './credits.dto.js';
import { GRANT_UCR_MAX } from './domain/grant-limit.js';
import { CreditsService } from './credits.service.js';
import { IdempotentRequests } from './idempotent-requests.service.js';
import { KeyedSender, type Sender } from './keyed-sender.js';
import { rowPosition } from '../common/http/page-position.js';

@AdminController('admin/credits/grants')
export class CreditsAdminController {
  constructor(
    private readonly credits: CreditsService,
    private readonly records: AccountRecords,
    private readonly requests: IdempotentRequests,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Grants by user, each user’s newest first' })
  @ApiResponse({ status: 200, type: AdminGrantPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() query: AllGrantsQuery): Promise<AdminGrantPage> {
    const { userId = null, source = null, state = null, limit } = query;
    const filter = { userId, source, state, after: rowPosition(query.cursor), limit };
    return toGrantPage(await this.records.grants(filter, this.clock.now()));
  }

  @Post()
  @Roles('admin')
  @ApiOperation({ summary: 'Gives a user credits, once per Idempotency-Key; open debt is repaid first' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'Required here or as idempotencyKey in the body',
  })
  @ApiResponse({ status: 201, type: GrantView, description: 'With the header Idempotent-Replayed: true for a repeat' })
  @ApiResponse({ status: 400, description: 'idempotency_key_invalid, or a field breaks its rule' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  @ApiResponse({ status: 422, description: 'idempotency_mismatch: the key or the payment has granted something else' })
  async grant(
    @Body() body: AdminGrantRequest,
    @KeyedSender() sender: Sender,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GrantView> {
    const now = this.clock.now();
    const { userId, source, reason = null, paymentId } = body;
    const { amountUcr, expiresAt } = checked(body);
    const parameters = {
      userId,
      source,
      reason,
      paymentId: paymentId ?? null,
      amount: amountUcr.toString(),
      expiresAt: expiresAt?.toISOString() ?? null,
    };
    const request = {
      sender,
      route: 'POST /admin/credits/grants',
      action: 'credits.grant',
      keyInBody: body.idempotencyKey,
      parameters,
    };
    const wanted = { userId, source, reason, paymentId, amountUcr, expiresAt, grantedBy: sender.actorId };
    const { answer, isReplay } = await this.requests.once(request, now, async (idempotencyKey) => {
      const { grant, isNew } = await this.credits.adminGrant({ ...wanted, idempotencyKey }, now);
      return { answer: toGrantView(grant), isReplay: !isNew };
    });
    if (isReplay) void reply.header('idempotent-replayed', 'true');
    return answer;
  }
}

/** What needs arithmetic to be judged. The clock is no part of it: a repeat is answered also after the grant has ended. */
function checked(body: AdminGrantRequest): { amountUcr: bigint; expiresAt: Date | null } {
  const amountUcr = parseCredits(body.amount);
  const expiresAt = body.expiresAt === undefined ? null : timeOf(body.expiresAt);
  const errors = [];
  if (amountUcr <= 0n || amountUcr > GRANT_UCR_MAX) {
    errors.push({ field: 'amount', message: 'must be more than 0 and at most 1000000 credits' });
  }
  if (body.paymentId !== undefined && body.source !== 'purchase') {
    errors.push({ field: 'paymentId', message: 'goes with source purchase only' });
  }
  if (errors.length > 0) throw InvalidRequestError.of(errors);
  return { amountUcr, expiresAt };
}
