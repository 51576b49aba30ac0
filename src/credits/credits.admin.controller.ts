import { Body, Controller, Headers, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../common/clock.js';
import { parseCredits } from '../common/domain/micro-credits.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Roles, Scopes } from '../common/http/route-markers.js';
import { AdminGrantRequest, GrantView, toGrantView } from './credits.dto.js';
import { IdempotencyKeyInvalidError } from './credits.errors.js';
import { CreditsService } from './credits.service.js';

/** A slip of the keyboard must not give more than anyone would: a million credits. */
const GRANT_UCR_MAX = 1_000_000_000_000n;
const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

@ApiTags('admin')
@ApiBearerAuth()
@Scopes('admin')
@Roles('admin')
@Controller('admin/credits/grants')
export class CreditsAdminController {
  constructor(
    private readonly credits: CreditsService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @ApiOperation({ summary: 'Gives a user credits, once per Idempotency-Key; open debt is repaid first' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'Required here or as idempotencyKey in the body',
  })
  @ApiResponse({ status: 201, type: GrantView, description: 'With the header Idempotent-Replayed: true for a repeat' })
  @ApiResponse({ status: 400, description: 'idempotency_key_invalid, or a field breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user is no admin' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  @ApiResponse({ status: 422, description: 'idempotency_mismatch: the key has granted something else' })
  async grant(
    @Body() body: AdminGrantRequest,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() { userId: grantedBy }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GrantView> {
    const now = this.clock.now();
    const { userId, source, reason = null } = body;
    const request = {
      userId,
      source,
      reason,
      grantedBy,
      ...checked(body, now),
      idempotencyKey: checkedKey(key ?? body.idempotencyKey),
    };
    const { grant, isNew } = await this.credits.adminGrant(request, now);
    if (!isNew) void reply.header('idempotent-replayed', 'true');
    return toGrantView(grant);
  }
}

function checkedKey(key: string | undefined): string {
  if (key === undefined || !IDEMPOTENCY_KEY.test(key)) throw new IdempotencyKeyInvalidError();
  return key;
}

/** What needs arithmetic or the clock to be judged. */
function checked(body: AdminGrantRequest, now: Date): { amountUcr: bigint; expiresAt: Date | null } {
  const amountUcr = parseCredits(body.amount);
  const expiresAt = body.expiresAt === undefined ? null : new Date(body.expiresAt);
  const errors = [];
  if (amountUcr <= 0n || amountUcr > GRANT_UCR_MAX) {
    errors.push({ field: 'amount', message: 'must be more than 0 and at most 1000000 credits' });
  }
  if (expiresAt && !(expiresAt > now)) errors.push({ field: 'expiresAt', message: 'must be in the future' });
  if (errors.length > 0) throw InvalidRequestError.of(errors);
  return { amountUcr, expiresAt };
}
