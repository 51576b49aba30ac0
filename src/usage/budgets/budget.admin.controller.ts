import { Body, Get, Param, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { encodeCursor } from '../../common/http/paging.js';
import { Roles } from '../../common/http/route-markers.js';
import { BudgetEvaluator } from './budget-evaluator.service.js';
import {
  BudgetAlertsPage,
  BudgetAlertsQuery,
  BudgetsPage,
  BudgetsQuery,
  BudgetStateView,
  CreateBudgetRequest,
  etagOfBudget,
  toAlertView,
  toBudgetStateView,
  toBudgetView,
  UpdateBudgetRequest,
} from './budget.dto.js';
import type { Budget } from '../budget.entity.js';
import { BudgetService } from './budget.service.js';

@AdminController('admin', 'admin')
export class BudgetAdminController {
  constructor(
    private readonly budgets: BudgetService,
    private readonly evaluator: BudgetEvaluator,
    private readonly clock: Clock,
  ) {}

  @Get('budgets')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The budgets, newest first' })
  @ApiResponse({ status: 200, type: BudgetsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: BudgetsQuery): Promise<BudgetsPage> {
    const { rows, next } = await this.budgets.page(query);
    return { data: rows.map(toBudgetView), nextCursor: encodeCursor(next) };
  }

  @Post('budgets')
  @ApiOperation({
    summary: 'Adds a ceiling on credits or provider cost, for all, a tier, a user or a model, by day or month',
    description: 'Alerts and the hard stop act within about 15 seconds of the usage that reaches them.',
  })
  @ApiResponse({ status: 201, type: BudgetStateView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  async create(
    @Body() body: CreateBudgetRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BudgetStateView> {
    const cause = { ...operator, reason: body.reason };
    return this.answer(await this.budgets.create(body, cause, this.clock.now()), reply);
  }

  @Get('budgets/:id')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One budget and what was spent of it; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: BudgetStateView })
  @ApiResponse({ status: 404, description: 'budget_not_found' })
  async read(
    @Param('id', IdPipe) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BudgetStateView> {
    return this.answer(await this.budgets.read(id), reply);
  }

  @Patch('budgets/:id')
  @ApiOperation({ summary: 'Changes a limit, its thresholds, its hard stop, or whether it is active' })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the budget as it was read' })
  @ApiResponse({ status: 200, type: BudgetStateView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'budget_not_found' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('id', IdPipe) id: string,
    @Body() body: UpdateBudgetRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BudgetStateView> {
    const cause = { ...operator, reason: body.reason };
    return this.answer(await this.budgets.update(id, body, cause, this.clock.now()), reply);
  }

  @Get('budget-alerts')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The alerts, newest first: each once per budget, period and threshold' })
  @ApiResponse({ status: 200, type: BudgetAlertsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async alerts(@Query() query: BudgetAlertsQuery): Promise<BudgetAlertsPage> {
    const { rows, next } = await this.budgets.alerts(query);
    return { data: rows.map(({ alert, budget }) => toAlertView(alert, budget)), nextCursor: encodeCursor(next) };
  }

  private async answer(budget: Budget, reply: FastifyReply): Promise<BudgetStateView> {
    const spend = await this.evaluator.spendOf(budget.id, this.clock.now());
    if (!spend) throw new Error('a budget that was read is not there');
    void reply.header('etag', etagOfBudget(budget));
    return toBudgetStateView(budget, spend);
  }
}
