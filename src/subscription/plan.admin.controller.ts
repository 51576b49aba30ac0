import { Body, Get, Param, Patch, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiParam, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { Roles } from '../common/http/route-markers.js';
import {
  AdminPlanView,
  etagOfPlan,
  PlanListView,
  PlanUpdateRequest,
  toAdminPlanView,
  toPlanPatch,
} from './plan.dto.js';
import type { Plan } from './plan.entity.js';
import { PlanService } from './plan.service.js';
import { TierPipe } from './tier.pipe.js';

@AdminController('admin/plans', 'admin')
export class PlanAdminController {
  constructor(
    private readonly plans: PlanService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'What each tier gives and allows, lowest first' })
  @ApiResponse({ status: 200, type: PlanListView })
  async list(): Promise<PlanListView> {
    const plans = await this.plans.stored();
    return { data: TIERS.map((tier) => toAdminPlanView(plans[tier])) };
  }

  @Get(':tier')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One tier; its ETag is what a change must name' })
  @ApiParam({ name: 'tier', enum: TIERS })
  @ApiResponse({ status: 200, type: AdminPlanView })
  @ApiResponse({ status: 400, description: 'No such tier' })
  async read(
    @Param('tier', TierPipe) tier: Tier,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminPlanView> {
    return answer((await this.plans.stored())[tier], reply);
  }

  @Patch(':tier')
  @ApiOperation({ summary: 'Changes a tier. Limits act within seconds, allowance and rollover with the next period' })
  @ApiParam({ name: 'tier', enum: TIERS })
  @ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the plan as it was read' })
  @ApiResponse({ status: 200, type: AdminPlanView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule, or the rollover could never carry anything' })
  @ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' })
  @ApiResponse({ status: 428, description: 'if_match_required' })
  async update(
    @Param('tier', TierPipe) tier: Tier,
    @Body() body: PlanUpdateRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminPlanView> {
    const cause = { ...operator, reason: body.reason };
    return answer(await this.plans.update(tier, toPlanPatch(body), cause, this.clock.now()), reply);
  }
}

function answer(plan: Plan, reply: FastifyReply): AdminPlanView {
  void reply.header('etag', etagOfPlan(plan));
  return toAdminPlanView(plan);
}
