import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { UsageLedgerService } from './ledger/usage-ledger.service.js';
import { OwnCallPage, OwnCallsQuery, toOwnCallPage } from './own-calls.dto.js';
import { ReceiptView, toReceiptView } from './receipt.dto.js';
import { DividedQuery } from './reports/usage-report.dto.js';
import { UsageReportService } from './reports/usage-report.service.js';
import { rangeOf, toFullHour } from './usage-range.js';
import { toUsageReport, UsageReport, userDivisionOf } from './usage.dto.js';
import { UsageService } from './usage.service.js';

@ApiTags('usage')
@ApiBearerAuth()
@Scopes('credits.read', 'usage.read')
@Controller('v1')
export class UsageController {
  constructor(
    private readonly usage: UsageService,
    private readonly reports: UsageReportService,
    private readonly ledger: UsageLedgerService,
    private readonly clock: Clock,
  ) {}

  @Get('me/usage')
  @ApiOperation({ summary: 'Sums of your usage by day or hour, model and operation' })
  @ApiResponse({ status: 200, type: UsageReport })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scopes credits.read and usage.read' })
  async sums(@Query() query: DividedQuery, @CurrentPrincipal() { userId }: Principal): Promise<UsageReport> {
    const now = this.clock.now();
    const division = userDivisionOf(query);
    const range = rangeOf(query, now);
    const asked = { range: toFullHour(range, now), filter: { user: userId } };
    const lines = await this.reports.lines(asked, division);
    return toUsageReport(query, range, { lines, unit: division.unit });
  }

  @Get('usage')
  @ApiOperation({ summary: 'Your charged calls, newest first' })
  @ApiResponse({ status: 200, type: OwnCallPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scopes credits.read and usage.read' })
  async calls(@Query() query: OwnCallsQuery, @CurrentPrincipal() { userId }: Principal): Promise<OwnCallPage> {
    const { model: modelId, operation } = query;
    const filter = { ...rangeOf(query, this.clock.now()), userId, modelId, operation };
    return toOwnCallPage(await this.ledger.page(filter, query));
  }

  @Get('usage/:requestId')
  @ApiOperation({ summary: 'The receipt of one of your requests: tokens, rates, and which grants paid' })
  @ApiResponse({ status: 200, type: ReceiptView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scopes credits.read and usage.read' })
  @ApiResponse({ status: 404, description: 'You have no charged request of this id' })
  async receipt(
    @Param('requestId') requestId: string,
    @CurrentPrincipal() { userId }: Principal,
  ): Promise<ReceiptView> {
    return toReceiptView(await this.usage.receipt(userId, requestId));
  }
}
