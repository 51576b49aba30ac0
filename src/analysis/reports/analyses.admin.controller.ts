import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { encodeCursor, PageQuery } from '../../common/http/paging.js';
import { rangeOf } from '../../usage/usage-range.js';
import {
  AdminAnalysesPage,
  AdminAnalysesQuery,
  ComparisonsPage,
  toAdminAnalysisView,
  toComparisonView,
  toWorkflowView,
  WorkflowsPage,
  WorkflowsQuery,
} from './analysis-admin.dto.js';
import { AnalysisRecords } from './analysis-records.service.js';
import { SummaryQuery, SummaryReport, toSummaryLine } from './analysis-summary.dto.js';
import { AnalysisSummary } from './analysis-summary.service.js';

@AdminController('admin', 'admin', 'support')
export class AnalysesAdminController {
  constructor(
    private readonly records: AnalysisRecords,
    private readonly summary: AnalysisSummary,
    private readonly clock: Clock,
  ) {}

  @Get('analyses')
  @ApiOperation({ summary: 'Analyses of all users and how they went, newest first; neither texts nor results' })
  @ApiResponse({ status: 200, type: AdminAnalysesPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async analyses(@Query() query: AdminAnalysesQuery): Promise<AdminAnalysesPage> {
    const { rows, next } = await this.records.analyses(query);
    return { data: rows.map(toAdminAnalysisView), nextCursor: encodeCursor(next) };
  }

  @Get('analyses/summary')
  @ApiOperation({ summary: 'Cost, tokens, waits, failures and fallbacks of analyses, by model, kind, plan or hour' })
  @ApiResponse({ status: 200, type: SummaryReport })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async summarise(@Query() query: SummaryQuery): Promise<SummaryReport> {
    const range = rangeOf(query, this.clock.now());
    const lines = await this.summary.by(query.groupBy, range);
    return { from: range.from.toISOString(), to: range.to.toISOString(), data: lines.map(toSummaryLine) };
  }

  @Get('fallback-comparisons')
  @ApiOperation({ summary: 'How far rules and models agreed about the same texts, newest first' })
  @ApiResponse({ status: 200, type: ComparisonsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async comparisons(@Query() query: PageQuery): Promise<ComparisonsPage> {
    const { rows, next } = await this.records.comparisons(query);
    return { data: rows.map(toComparisonView), nextCursor: encodeCursor(next) };
  }

  @Get('recovery-workflows')
  @ApiOperation({ summary: 'How analyses got over trouble, step by step, newest first' })
  @ApiResponse({ status: 200, type: WorkflowsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async workflows(@Query() query: WorkflowsQuery): Promise<WorkflowsPage> {
    const { rows, next } = await this.records.workflows(query);
    return { data: rows.map(toWorkflowView), nextCursor: encodeCursor(next) };
  }
}
