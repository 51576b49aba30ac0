import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, OmitType } from '@nestjs/swagger';
import { IsOptional, IsUUID } from 'class-validator';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { encodeCursor } from '../../common/http/paging.js';
import { GenerationsQuery, GenerationView, toGenerationView } from './generation.dto.js';
import type { ArchivedGeneration, Generation } from './generation.entity.js';
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
  const { businessIdea: _idea, ...view } = toGenerationView(run);
  return { ...view, userId: run.userId };
}
