import { Body, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../../common/http/admin-controller.js';
import { IsDay } from '../../common/http/is-time.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { LIFECYCLES, type Lifecycle } from '../domain/lifecycle.js';
import { ModelLifecycleService } from '../model-lifecycle.service.js';
import { modelEtag } from '../models.service.js';
import { ApiAdminErrors, ApiEdit, ModelChangeRequest } from './admin-route.js';

const NOTICE_LENGTH_MAX = 2_000;

class TransitionDto {
  @ApiProperty({ enum: LIFECYCLES }) to!: Lifecycle;
  @ApiProperty({ type: [String], description: 'What stands against it now; empty where it can be taken' })
  refusals!: string[];
}

class LifecycleDto {
  @ApiProperty({ enum: LIFECYCLES }) lifecycle!: Lifecycle;
  @ApiProperty({ type: [TransitionDto] }) transitions!: TransitionDto[];
  @ApiProperty({ type: String, format: 'date', nullable: true }) sunsetDate!: string | null;
  @ApiProperty({ type: String, nullable: true }) replacementModelId!: string | null;
  @ApiProperty({ type: String, nullable: true }) deprecationNotice!: string | null;
}

class TransitionRequest extends ModelChangeRequest {
  @ApiProperty({ enum: LIFECYCLES, example: 'legacy' })
  @IsIn(LIFECYCLES)
  to!: Lifecycle;

  @ApiPropertyOptional({
    type: String,
    format: 'date',
    nullable: true,
    description: 'When it is archived; null: never',
  })
  @IsOptional()
  @IsDay()
  sunsetDate?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true })
  @IsOptional()
  @IsString()
  @MaxLength(100)
  replacementModelId?: string | null;

  @ApiPropertyOptional({ type: String, nullable: true })
  @IsOptional()
  @IsString()
  @MaxLength(NOTICE_LENGTH_MAX)
  deprecationNotice?: string | null;
}

@AdminController('admin/models/:id/lifecycle', 'admin')
export class LifecycleAdminController {
  constructor(private readonly lifecycles: ModelLifecycleService) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Where a model stands, and which steps can follow' })
  @ApiResponse({ status: 200, type: LifecycleDto, description: 'With the model’s ETag' })
  @ApiAdminErrors({ 404: 'model_not_found' })
  async read(@Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<LifecycleDto> {
    const { stored, lifecycle, transitions } = await this.lifecycles.read(id);
    void reply.header('etag', modelEtag(stored));
    const { sunsetDate, legacyReplacementModelId, deprecationNotice } = stored.model.meta;
    return {
      lifecycle,
      transitions,
      sunsetDate: sunsetDate ?? null,
      replacementModelId: legacyReplacementModelId ?? null,
      deprecationNotice: deprecationNotice ?? null,
    };
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Takes a step: available ⇄ unavailable, both to legacy, legacy to archived, and back',
    description:
      'A model that becomes legacy can be told its last day: from then on a job archives it. Until then its answers carry Deprecation, Sunset and a Link to its successor.',
  })
  @ApiResponse({ status: 200, type: LifecycleDto })
  @ApiEdit({ 409: 'lifecycle_refused: every reason against the step, with its way out' })
  async transition(
    @Param('id') id: string,
    @Body() { reason, replacementModelId, ...transition }: TransitionRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LifecycleDto> {
    const step = { ...transition, legacyReplacementModelId: replacementModelId };
    const stored = await this.lifecycles.transition({ id, reason, ...operator }, step);
    const view = await this.read(id, reply);
    void reply.header('etag', modelEtag(stored));
    return view;
  }
}
