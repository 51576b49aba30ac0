import { Body, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { timeOf } from '../common/domain/times.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { Roles } from '../common/http/route-markers.js';
import { HoldPage, HoldView, toHoldPage, toHoldView } from './account.dto.js';
import { HoldsQuery } from './account.query.js';
import { AccountRecords } from './account-records.service.js';
import { HoldExpirer } from './hold-expirer.service.js';
import { rowPosition } from '../common/http/page-position.js';
import { CorrectionRequest } from './posting.dto.js';

@AdminController('admin/credits/holds')
export class HoldsAdminController {
  constructor(
    private readonly records: AccountRecords,
    private readonly expirer: HoldExpirer,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Holds by user, each user’s newest first' })
  @ApiResponse({ status: 200, type: HoldPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() query: HoldsQuery): Promise<HoldPage> {
    const { userId = null, state = null, limit } = query;
    const olderThan = query.olderThan === undefined ? null : timeOf(query.olderThan);
    return toHoldPage(await this.records.holds({ userId, state, olderThan, after: rowPosition(query.cursor), limit }));
  }

  @Post(':holdId/expire')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({
    summary: 'Lets a stuck hold expire now; a request that still runs is charged all the same when it ends',
  })
  @ApiResponse({ status: 200, type: HoldView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'not_found: the user has no such hold' })
  @ApiResponse({ status: 409, description: 'hold_ended, with the state it has' })
  async expire(
    @Param('holdId') holdId: string,
    @Body() { userId, reason }: CorrectionRequest,
    @CurrentOperator() { actorId, ip, requestId }: Operator,
  ): Promise<HoldView> {
    return toHoldView(await this.expirer.expire(holdId, userId, { actorId, reason, ip, requestId }, this.clock.now()));
  }
}
