import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import {
  LegacyUsagePage,
  LegacyUsageQuery,
  toLegacyUsageLine,
  toVisionLine,
  VisionQuery,
  VisionReport,
} from './model-usage.dto.js';
import { ModelUsageService } from './model-usage.service.js';
import { rangeOf } from './usage-range.js';

const DAY_MS = 86_400_000;

@ApiResponse({ status: 400, description: 'invalid_request: a query parameter breaks its rule' })
@AdminController('admin/usage', 'admin', 'support')
export class ModelUsageAdminController {
  constructor(
    private readonly usage: ModelUsageService,
    private readonly clock: Clock,
  ) {}

  @Get('vision')
  @ApiOperation({
    summary: 'Requests with images: tokens expected and reported, credits and cost, by model, tier and day',
  })
  @ApiResponse({ status: 200, type: VisionReport })
  async vision(@Query() query: VisionQuery): Promise<VisionReport> {
    const range = rangeOf(query, this.clock.now());
    const rows = await this.usage.vision(query.groupBy, range);
    return {
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      groupBy: query.groupBy,
      data: rows.map(toVisionLine),
    };
  }

  @Get('legacy-models')
  @ApiOperation({ summary: 'Who still asks for legacy models, and how much' })
  @ApiResponse({ status: 200, type: LegacyUsagePage })
  async legacy(@Query() { days, modelId, ...page }: LegacyUsageQuery): Promise<LegacyUsagePage> {
    const to = this.clock.now();
    const range = { from: new Date(to.getTime() - days * DAY_MS), to };
    const { usages, nextCursor } = await this.usage.legacy({ modelId, range }, page);
    return { data: usages.map(toLegacyUsageLine), nextCursor };
  }
}
