import { Body, Delete, Get, Headers, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { textOf } from '../../common/http/api-schemas.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor } from '../../common/http/paging.js';
import type { Principal } from '../../common/http/principal.js';
import type { InferenceHttpRequest } from '../../inference/admitted-chat.js';
import { TakesIdempotencyKey } from '../../inference/idempotency/idempotency-key.guard.js';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import { GenerationController } from '../generation-controller.js';
import { clientKeyOf } from './client-key.js';
import { GenerationIntake } from './generation-intake.service.js';
import { GenerationCancellations } from './generation-cancellations.service.js';
import { GenerationService } from './generation.service.js';
import {
  CreateGenerationRequest,
  GenerationDetailView,
  GenerationsPage,
  GenerationsQuery,
  GenerationView,
  toGenerationDetail,
  toGenerationView,
} from './generation.dto.js';

const ROUTE = 'POST /v1/generations';

@GenerationController('v1/generations')
export class GenerationsController {
  constructor(
    private readonly intake: GenerationIntake,
    private readonly generations: GenerationService,
    private readonly cancellations: GenerationCancellations,
    private readonly events: EventStreams,
  ) {}

  @Post()
  @HttpCode(202)
  @TakesIdempotencyKey()
  @ApiOperation({
    summary: 'Asks several models at once for names, under one hold',
    description:
      'Answered at once; follow its events or read it again. Each model is charged by itself, at its own price, and one that fails costs nothing.',
  })
  @ApiResponse({ status: 202, type: GenerationView })
  @ApiResponse({ status: 400, description: 'invalid_request, parameter_constraint_violation, context_length_exceeded' })
  @ApiResponse({ status: 402, description: 'insufficient_credits, debt_outstanding' })
  @ApiResponse({ status: 404, description: 'project_not_found, model_not_found, model_unavailable' })
  @ApiResponse({ status: 409, description: 'suggestion_limit_reached, project_limit_reached' })
  @ApiResponse({ status: 422, description: 'idempotency_mismatch' })
  @ApiResponse({ status: 429, description: 'rate_limited, budget_exceeded' })
  async begin(
    @Body() asked: CreateGenerationRequest,
    @CurrentPrincipal() principal: Principal,
    @Req() request: InferenceHttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<GenerationView> {
    const { id: requestId } = request;
    const { run, isReplay } = await this.intake.begin({
      requestId,
      principal,
      asked,
      ...clientKeyOf(ROUTE, request),
    });
    void reply.header('location', `/v1/generations/${run.id}`);
    if (isReplay) void reply.header('idempotent-replayed', 'true');
    return toGenerationView(run);
  }

  @Get()
  @ApiOperation({ summary: 'Your runs, newest first' })
  @ApiResponse({ status: 200, type: GenerationsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@CurrentPrincipal() { userId }: Principal, @Query() query: GenerationsQuery): Promise<GenerationsPage> {
    const { rows, next } = await this.generations.page(userId, query);
    return { data: rows.map(toGenerationView), nextCursor: encodeCursor(next) };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One of your runs, also of long ago, model by model' })
  @ApiResponse({ status: 200, type: GenerationDetailView })
  @ApiResponse({ status: 404, description: 'generation_not_found' })
  async read(
    @CurrentPrincipal() { userId }: Principal,
    @Param('id', IdPipe) id: string,
  ): Promise<GenerationDetailView> {
    return toGenerationDetail(await this.generations.read(userId, id));
  }

  @Delete(':id')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Cancels a run: models that have answered are charged, those that were not asked yet released',
    description:
      'A model that is being asked is broken off where its onDisconnect says cancel, free of charge; otherwise its answer is awaited, kept ' +
      'and charged. Until then the run is processing with cancelRequestedAt. Harmless to repeat.',
  })
  @ApiResponse({
    status: 200,
    type: GenerationDetailView,
    description:
      'As it ended, or processing with cancelRequestedAt where a model is being asked; a run that had ended before stays as it was',
  })
  @ApiResponse({ status: 404, description: 'generation_not_found' })
  async cancel(
    @CurrentPrincipal() { userId }: Principal,
    @Param('id', IdPipe) id: string,
  ): Promise<GenerationDetailView> {
    await this.cancellations.cancel(userId, id);
    return toGenerationDetail(await this.generations.read(userId, id));
  }

  @Get(':id/events')
  @ApiOperation({ summary: 'The life of a run as an event stream: queued, started, model by model, finished' })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The last event that the client has' })
  @ApiResponse({ status: 200, description: 'Events until the run has ended', content: textOf('text/event-stream') })
  @ApiResponse({ status: 204, description: 'It has ended, and the client has everything' })
  @ApiResponse({ status: 404, description: 'generation_not_found' })
  @ApiResponse({ status: 429, description: 'too_many_streams' })
  async follow(
    @CurrentPrincipal() { userId }: Principal,
    @Param('id', IdPipe) id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    await this.generations.read(userId, id);
    return this.events.respond({ entityId: id, userId }, lastEventId, reply);
  }
}
