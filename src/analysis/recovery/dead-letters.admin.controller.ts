import { Body, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { encodeCursor, PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { AdminAnalysesPage, AdminAnalysisView, toAdminAnalysisView } from '../reports/analysis-admin.dto.js';
import { AnalysisRecords } from '../reports/analysis-records.service.js';
import { DeadLetters } from './dead-letters.service.js';

@AdminController('admin/dead-letters', 'admin')
export class DeadLettersAdminController {
  constructor(
    private readonly records: AnalysisRecords,
    private readonly deadLetters: DeadLetters,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Analyses that were given up, with the reason, newest first' })
  @ApiResponse({ status: 200, type: AdminAnalysesPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: PageQuery): Promise<AdminAnalysesPage> {
    const { rows, next } = await this.records.deadLetters(query);
    return { data: rows.map(toAdminAnalysisView), nextCursor: encodeCursor(next) };
  }

  @Post(':id/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Queues an analysis once more, under a new hold of its user' })
  @ApiResponse({ status: 200, type: AdminAnalysisView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'dead_letter_not_found' })
  @ApiResponse({ status: 409, description: 'dead_letter_retry_refused: with what the user would be told' })
  async retry(
    @Param('id') id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<AdminAnalysisView> {
    return toAdminAnalysisView(await this.deadLetters.retry(id, { ...operator, reason }));
  }

  @Post(':id/discard')
  @HttpCode(200)
  @ApiOperation({ summary: 'Lets an analysis be that was given up: it stays failed' })
  @ApiResponse({ status: 200, type: AdminAnalysisView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'dead_letter_not_found' })
  async discard(
    @Param('id') id: string,
    @Body() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<AdminAnalysisView> {
    return toAdminAnalysisView(await this.deadLetters.discard(id, { ...operator, reason }));
  }
}
