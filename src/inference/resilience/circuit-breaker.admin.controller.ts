import { Body, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { WallClock } from '../../common/clock.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { CircuitListView, CircuitRequest, toCircuitView } from './circuit-breaker.dto.js';
import { CircuitBreakers } from './circuit-breakers.service.js';

@AdminController('admin/circuit-breakers', 'admin')
export class CircuitBreakerAdminController {
  constructor(
    private readonly circuits: CircuitBreakers,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Every circuit that was ever open, as the last replica left it' })
  @ApiResponse({ status: 200, type: CircuitListView })
  async list(): Promise<CircuitListView> {
    return { data: (await this.circuits.list()).map(toCircuitView) };
  }

  @Post('open')
  @HttpCode(200)
  @ApiOperation({ summary: 'Keeps every call away from a model of a provider, until it is closed by hand' })
  @ApiResponse({ status: 200, type: CircuitListView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  open(@Body() body: CircuitRequest, @CurrentOperator() operator: Operator): Promise<CircuitListView> {
    return this.set('open', body, operator);
  }

  @Post('close')
  @HttpCode(200)
  @ApiOperation({ summary: 'Lets calls through again, on every replica, without waiting for a probe' })
  @ApiResponse({ status: 200, type: CircuitListView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  close(@Body() body: CircuitRequest, @CurrentOperator() operator: Operator): Promise<CircuitListView> {
    return this.set('closed', body, operator);
  }

  private async set(
    state: 'open' | 'closed',
    { provider, modelId, reason }: CircuitRequest,
    operator: Operator,
  ): Promise<CircuitListView> {
    await this.circuits.set({ provider, modelId }, state, { ...operator, reason }, this.clock.now());
    return this.list();
  }
}
