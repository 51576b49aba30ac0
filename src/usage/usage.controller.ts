import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { ReceiptView, toReceiptView } from './receipt.dto.js';
import { toUsageReport, UsageQuery, UsageReport } from './usage.dto.js';
import { rangeOf } from './usage-range.js';
import { UsageService } from './usage.service.js';

@ApiTags('usage')
@ApiBearerAuth()
@Scopes('credits.read', 'usage.read')
@Controller('v1')
export class UsageController {
  constructor(
    private readonly usage: UsageService,
    private readonly clock: Clock,
  ) {}

  @Get('me/usage')
  @ApiOperation({ summary: 'Sums of your usage by day, model and operation' })
  @ApiResponse({ status: 200, type: UsageReport })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scopes credits.read and usage.read' })
  async sums(@Query() query: UsageQuery, @CurrentPrincipal() { userId }: Principal): Promise<UsageReport> {
    const range = rangeOf(query, this.clock.now());
    const [lines, [total]] = await Promise.all([
      this.usage.sums(userId, range, query.groupBy),
      this.usage.sums(userId, range, []),
    ]);
    if (!total) throw new Error('a sum over everything has one line');
    return toUsageReport(query, range, { lines, total });
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
