import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { UsageConsole } from './usage-console.service.js';
import { ForecastQuery, RankingQuery, SummaryQuery } from './usage-report.dto.js';
import { ForecastView, RankingView, SummaryView, toForecastView } from './usage-report.view.js';

@ApiResponse({ status: 400, description: 'invalid_request: a query parameter breaks its rule' })
@AdminController('admin/usage', 'admin', 'support')
export class UsageReportAdminController {
  constructor(
    private readonly reports: UsageConsole,
    private readonly clock: Clock,
  ) {}

  @Get('summary')
  @ApiOperation({
    summary: 'Sums of all usage by time, model, provider, operation, tier and user, beside the time before',
    description:
      'Every sum equals the ledger at the moment of the question. Days are those of the time zone, 23 to 25 hours long.',
  })
  @ApiResponse({ status: 200, type: SummaryView })
  async summary(@Query() query: SummaryQuery): Promise<SummaryView> {
    return this.reports.summary(query, this.clock.now());
  }

  @Get('forecast')
  @ApiOperation({ summary: 'What this month will have cost at its end' })
  @ApiResponse({ status: 200, type: ForecastView })
  async forecast(@Query() query: ForecastQuery): Promise<ForecastView> {
    return toForecastView(await this.reports.forecast(query, this.clock.now()));
  }

  @Get('by-model')
  @ApiOperation({ summary: 'Models by what they used, the largest first' })
  @ApiResponse({ status: 200, type: RankingView })
  async byModel(@Query() query: RankingQuery): Promise<RankingView> {
    return this.reports.ranking('model', query, this.clock.now());
  }

  @Get('by-provider')
  @ApiOperation({ summary: 'Providers by what was used of them, the largest first' })
  @ApiResponse({ status: 200, type: RankingView })
  async byProvider(@Query() query: RankingQuery): Promise<RankingView> {
    return this.reports.ranking('provider', query, this.clock.now());
  }

  @Get('by-operation')
  @ApiOperation({ summary: 'Kinds of calls by what they used, the largest first' })
  @ApiResponse({ status: 200, type: RankingView })
  async byOperation(@Query() query: RankingQuery): Promise<RankingView> {
    return this.reports.ranking('operation', query, this.clock.now());
  }

  @Get('by-tier')
  @ApiOperation({ summary: 'Plans by what their users used, the largest first' })
  @ApiResponse({ status: 200, type: RankingView })
  async byTier(@Query() query: RankingQuery): Promise<RankingView> {
    return this.reports.ranking('tier', query, this.clock.now());
  }

  @Get('by-user')
  @ApiOperation({ summary: 'The users who use most' })
  @ApiResponse({ status: 200, type: RankingView })
  async byUser(@Query() query: RankingQuery): Promise<RankingView> {
    return this.reports.ranking('user', query, this.clock.now());
  }
}
