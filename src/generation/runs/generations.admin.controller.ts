import { Body, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, OmitType } from '@nestjs/swagger';
import { IsOptional, IsUUID } from 'class-validator';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { encodeCursor } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { operatorsMessage } from '../../inference/operators-message.js';
import { GenerationsQuery, GenerationView, RetentionQuery, RetentionView, toGenerationView } from './generation.dto.js';
import type { ArchivedGeneration, ErrorDetails, Generation } from './generation.entity.js';
import { GenerationRetention } from './generation-retention.service.js';
import { GenerationService } from './generation.service.js';
import { ModelComparisonQuery, ModelComparisonService, ModelComparisonView } from './model-comparison.service.js';

class AllGenerationsQuery extends GenerationsQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;
}

/** Without the idea: what a user writes is not for operators. */
class OperatorGenerationView extends OmitType(GenerationView, ['businessIdea']) {
  @ApiProperty({ format: 'uuid' }) userId!: string;
}

class OperatorGenerationsPage {
  @ApiProperty({ type: [OperatorGenerationView] }) data!: OperatorGenerationView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

@AdminController('admin/generations', 'admin', 'support')
export class GenerationsAdminController {
  constructor(
    private readonly generations: GenerationService,
    private readonly comparison: ModelComparisonService,
    private readonly retention: GenerationRetention,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The runs of all users, newest first, those of long ago with isArchived=true' })
  @ApiResponse({ status: 200, type: OperatorGenerationsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: AllGenerationsQuery): Promise<OperatorGenerationsPage> {
    const { rows, next } = await this.generations.page(query.userId, query);
    return { data: rows.map(toOperatorView), nextCursor: encodeCursor(next) };
  }

  @Post('retention')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'What is done with old runs every night: shown, or with dryRun=false done now' })
  @ApiResponse({ status: 200, type: RetentionView })
  @ApiResponse({ status: 400, description: 'dryRun is neither true nor false, or the reason is missing' })
  async retain(
    @Query() { dryRun }: RetentionQuery,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<RetentionView> {
    const now = this.clock.now();
    const cause = { ...operator, reason };
    return { dryRun, ...(await (dryRun ? this.retention.preview(now) : this.retention.runFor(cause, now))) };
  }

  @Get('models')
  @ApiOperation({
    summary: 'The models beside each other: response time, names, tokens, cost, success, share of favourites',
  })
  @ApiResponse({ status: 200, type: ModelComparisonView })
  @ApiResponse({ status: 400, description: 'The range is none' })
  compare(@Query() query: ModelComparisonQuery): Promise<ModelComparisonView> {
    return this.comparison.compare(query, this.clock.now());
  }
}

function toOperatorView(run: Generation | ArchivedGeneration): OperatorGenerationView {
  const { businessIdea: _idea, errorDetails, ...view } = toGenerationView(run);
  return { ...view, errorDetails: errorDetails && errorsForOperators(errorDetails), userId: run.userId };
}

function errorsForOperators(errors: ErrorDetails): ErrorDetails {
  const told = Object.entries(errors).map(([model, { code, message }]): [string, ErrorDetails[string]] => [
    model,
    { code, message: operatorsMessage(code, message) },
  ]);
  return Object.fromEntries(told);
}
