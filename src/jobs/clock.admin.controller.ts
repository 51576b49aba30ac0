import { Body, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { ClockAdminService } from './clock-admin.service.js';
import { ClockMoveBody, ClockMovedView, ClockView, toClockView } from './clock.dto.js';

/** Exists in a sandbox only. */
@AdminController('admin/clock', 'admin')
export class ClockAdminController {
  constructor(
    private readonly clock: Clock,
    private readonly admin: ClockAdminService,
  ) {}

  @Get()
  @ApiOperation({ summary: "The test clock: the product's time and how far it is ahead; in a sandbox only" })
  @ApiResponse({ status: 200, type: ClockView })
  @ApiResponse({ status: 404, description: 'The sandbox is off' })
  read(): ClockView {
    return toClockView(this.clock.now(), this.clock.offsetMs);
  }

  @Post()
  @HttpCode(200)
  @ApiOperation({ summary: 'Move the test clock of all replicas forward and run every job at the new time' })
  @ApiResponse({ status: 200, type: ClockMovedView })
  @ApiResponse({
    status: 400,
    description: 'Neither or both members are given, one is no time or duration, or the reason is too long',
  })
  @ApiResponse({ status: 404, description: 'The sandbox is off' })
  @ApiResponse({ status: 422, description: 'The time is before the current one, or more than a hundred years ahead' })
  async move(
    @Body() { reason, ...move }: ClockMoveBody,
    @CurrentOperator() operator: Operator,
  ): Promise<ClockMovedView> {
    const { now, jobs } = await this.admin.move(move, { ...operator, reason: reason ?? null });
    return Object.assign(toClockView(now, this.clock.offsetMs), { jobs });
  }
}
