import { Controller, HttpCode, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { Roles, Scopes } from '../common/http/route-markers.js';
import { RolloverQuery, RolloverView, toRolloverView } from './rollover.dto.js';
import { RolloverService } from './rollover.service.js';

@ApiTags('admin')
@ApiBearerAuth()
@Scopes('admin')
@Roles('admin')
@Controller('admin/credits/rollover')
export class RolloverAdminController {
  constructor(
    private readonly rollover: RolloverService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Closes every billing period that is due, or shows what that would do' })
  @ApiResponse({ status: 200, type: RolloverView })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user is no admin' })
  async run(@Query() { dryRun, userId }: RolloverQuery): Promise<RolloverView> {
    const at = this.clock.now();
    if (dryRun) return toRolloverView({ dryRun, at }, await this.rollover.preview(at, userId));
    const totals = await (userId === undefined ? this.rollover.run(at) : this.rollover.runOne(userId, at));
    return toRolloverView({ dryRun, at }, { totals, lines: [] });
  }
}
