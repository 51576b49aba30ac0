import { Body, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor } from '../../common/http/paging.js';
import type { Principal } from '../../common/http/principal.js';
import {
  CreateSuggestionRequest,
  SuggestionsPage,
  SuggestionsQuery,
  SuggestionView,
  toSuggestionView,
  UpdateSuggestionRequest,
} from './project.dto.js';
import { GenerationController } from '../generation-controller.js';
import { SuggestionService } from './suggestion.service.js';

@GenerationController('v1/projects/:projectId/suggestions')
export class SuggestionsController {
  constructor(
    private readonly suggestions: SuggestionService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The names suggested in a project, newest first' })
  @ApiResponse({ status: 200, type: SuggestionsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 404, description: 'project_not_found' })
  async page(
    @CurrentPrincipal() { userId }: Principal,
    @Param('projectId', IdPipe) projectId: string,
    @Query() query: SuggestionsQuery,
  ): Promise<SuggestionsPage> {
    const { rows, next } = await this.suggestions.page(userId, projectId, query);
    return { data: rows.map(toSuggestionView), nextCursor: encodeCursor(next) };
  }

  @Post()
  @ApiOperation({ summary: 'Adds a name of your own' })
  @ApiResponse({ status: 201, type: SuggestionView })
  @ApiResponse({ status: 400, description: 'The name breaks a rule' })
  @ApiResponse({ status: 404, description: 'project_not_found' })
  @ApiResponse({ status: 409, description: 'suggestion_limit_reached' })
  async add(
    @CurrentPrincipal() { userId }: Principal,
    @Param('projectId', IdPipe) projectId: string,
    @Body() { name }: CreateSuggestionRequest,
  ): Promise<SuggestionView> {
    return toSuggestionView(await this.suggestions.add(userId, projectId, { name, now: this.clock.now() }));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One suggestion' })
  @ApiResponse({ status: 200, type: SuggestionView })
  @ApiResponse({ status: 404, description: 'project_not_found, suggestion_not_found' })
  async read(
    @CurrentPrincipal() { userId }: Principal,
    @Param('projectId', IdPipe) projectId: string,
    @Param('id', IdPipe) id: string,
  ): Promise<SuggestionView> {
    return toSuggestionView(await this.suggestions.read(userId, projectId, id));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Makes it a favourite, or not' })
  @ApiResponse({ status: 200, type: SuggestionView })
  @ApiResponse({ status: 400, description: 'isFavourite is missing' })
  @ApiResponse({ status: 404, description: 'project_not_found, suggestion_not_found' })
  async mark(
    @CurrentPrincipal() { userId }: Principal,
    @Param('projectId', IdPipe) projectId: string,
    @Param('id', IdPipe) id: string,
    @Body() { isFavourite }: UpdateSuggestionRequest,
  ): Promise<SuggestionView> {
    const change = { isFavourite, now: this.clock.now() };
    return toSuggestionView(await this.suggestions.mark(userId, { projectId, id }, change));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Deletes a suggestion; a project that had selected it has none then' })
  @ApiResponse({ status: 204, description: 'Deleted' })
  @ApiResponse({ status: 404, description: 'project_not_found, suggestion_not_found' })
  async delete(
    @CurrentPrincipal() { userId }: Principal,
    @Param('projectId', IdPipe) projectId: string,
    @Param('id', IdPipe) id: string,
  ): Promise<void> {
    await this.suggestions.delete(userId, projectId, id);
  }
}
