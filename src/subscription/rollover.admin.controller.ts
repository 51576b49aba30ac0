import { Body, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { OptionalReasonRequest } from '../common/http/reason-request.js';
import { AuditTrail } from '../monitoring/audit-trail.service.js';
import { RolloverQuery, RolloverView, toRolloverView } from './rollover.dto.js';
import { CLOSE_JOB, RolloverService } from './rollover.service.js';

@AdminController('admin/credits/rollover', 'admin')
export class RolloverAdminController {
  constructor(
    private readonly rollover: RolloverService,
    private readonly clock: Clock,
    private readonly audit: AuditTrail,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Closes every billing period that is due, or shows what that would do' })
  @ApiResponse({ status: 200, type: RolloverView })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule, or the reason is too long' })
  async run(
    @Query() { dryRun, userId }: RolloverQuery,
    @Body() { reason }: OptionalReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<RolloverView> {
    const at = this.clock.now();
    if (dryRun) return toRolloverView({ dryRun, at }, await this.rollover.preview(at, userId));
    const totals = await (userId === undefined ? this.rollover.run(at) : this.rollover.runOne(userId, at));
    const view = toRolloverView({ dryRun, at }, { totals, lines: [] });
    const change = {
      action: 'job.run',
      entity: 'job',
      entityId: CLOSE_JOB,
      before: null,
      after: { userId, outcome: view },
    };
    await this.audit.record(change, { ...operator, reason: reason ?? null }, at);
    return view;
  }
}
