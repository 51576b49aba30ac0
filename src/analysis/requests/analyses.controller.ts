import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { encodeCursor } from '../../common/http/paging.js';
import type { Principal } from '../../common/http/principal.js';
import { Scopes } from '../../common/http/route-markers.js';
import type { InferenceHttpRequest } from '../../inference/admitted-chat.js';
import { ChargeOnce } from '../../inference/idempotency/charge-once.service.js';
import { TakesIdempotencyKey } from '../../inference/idempotency/idempotency-key.guard.js';
import { RateLimitGuard } from '../../inference/rate-limit.guard.js';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import { Analyses } from './analyses.service.js';
import { AnalysisIntake } from './analysis-intake.service.js';
import {
  AnalysesPage,
  AnalysesQuery,
  AnalysisView,
  CreateAnalysisRequest,
  QueuedAnalysisView,
  toAnalysisView,
} from './analysis.dto.js';

@ApiTags('Analyses')
@ApiBearerAuth()
@Scopes('llm.inference')
@ApiResponse({ status: 401, description: 'No valid token' })
@ApiResponse({
  status: 403,
  description: 'insufficient_scope, account_suspended, subscription_inactive, tier_required',
})
@Controller('v1/analyses')
export class AnalysesController {
  constructor(
    private readonly intake: AnalysisIntake,
    private readonly analyses: Analyses,
    private readonly events: EventStreams,
    private readonly chargeOnce: ChargeOnce,
  ) {}

  @Post()
  @HttpCode(202)
  @UseGuards(RateLimitGuard)
  @TakesIdempotencyKey()
  @ApiOperation({
    summary: 'Have a text analysed without waiting',
    description:
      'Holds the most that the answer, and one repair of it, can cost, and charges what was used. While it is worked on, not while it waits, it is one ' +
      'of the plan’s concurrent requests. Where no model can answer, the kind’s rules do, marked as such and free of charge.',
  })
  @ApiResponse({ status: 202, type: QueuedAnalysisView })
  @ApiResponse({ status: 400, description: 'invalid_request, context_length_exceeded, parameter_constraint_violation' })
  @ApiResponse({ status: 402, description: 'insufficient_credits, debt_outstanding' })
  @ApiResponse({ status: 404, description: 'model_not_found, model_not_priced, model_unavailable' })
  @ApiResponse({ status: 409, description: 'idempotency_in_progress, idempotency_answer_not_kept' })
  @ApiResponse({ status: 410, description: 'model_archived' })
  @ApiResponse({ status: 422, description: 'analysis_kind_not_found, idempotency_mismatch' })
  @ApiResponse({ status: 429, description: 'rate_limited, budget_exceeded, analysis_queue_full' })
  async create(
    @Req() request: InferenceHttpRequest,
    @Body() asked: CreateAnalysisRequest,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueuedAnalysisView | string> {
    return this.chargeOnce.respond(request, reply, (keeper) =>
      this.intake.take({ requestId: request.id, principal, asked, keeper }),
    );
  }

  @Get()
  @ApiOperation({ summary: 'Your analyses, newest first' })
  @ApiResponse({ status: 200, type: AnalysesPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: AnalysesQuery, @CurrentPrincipal() { userId }: Principal): Promise<AnalysesPage> {
    const { rows, next } = await this.analyses.page(userId, query);
    return { data: rows.map(toAnalysisView), nextCursor: encodeCursor(next) };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One analysis with its result' })
  @ApiResponse({ status: 200, type: AnalysisView })
  @ApiResponse({ status: 404, description: 'analysis_not_found' })
  async read(@Param('id') id: string, @CurrentPrincipal() { userId }: Principal): Promise<AnalysisView> {
    return toAnalysisView(await this.analyses.read(id, userId));
  }

  @Delete(':id')
  @ApiOperation({
    summary:
      'Call an analysis off, or the upgrade of one that rules have answered; what it holds is given back, but for what a model has used by then',
  })
  @ApiResponse({ status: 200, type: AnalysisView })
  @ApiResponse({ status: 404, description: 'analysis_not_found' })
  @ApiResponse({ status: 409, description: 'analysis_ended' })
  async cancel(@Param('id') id: string, @CurrentPrincipal() { userId }: Principal): Promise<AnalysisView> {
    return toAnalysisView(await this.analyses.cancel(id, userId));
  }

  @Get(':id/events')
  @ApiOperation({
    summary: 'The life of an analysis as server-sent events',
    description:
      'queued (with its position), started, retried, fallback, finished, failed or cancelled; what was before the connection comes first. A client ' +
      'that comes back with Last-Event-ID misses nothing.',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The id of the last event that was received' })
  @ApiResponse({
    status: 200,
    description: 'Events until the end',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  })
  @ApiResponse({ status: 204, description: 'There will be no more events' })
  @ApiResponse({ status: 400, description: 'The header is not an id of an event' })
  @ApiResponse({ status: 404, description: 'analysis_not_found' })
  @ApiResponse({ status: 429, description: 'too_many_streams' })
  async follow(
    @Param('id') id: string,
    @CurrentPrincipal() { userId }: Principal,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    await this.analyses.read(id, userId);
    return this.events.respond({ entityId: id, userId }, lastEventId, reply);
  }
}
