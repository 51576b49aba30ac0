import { applyDecorators, Body, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { timeOf } from '../common/domain/times.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { IdPipe } from '../common/http/id-pipe.js';
import { ReasonRequest } from '../common/http/reason-request.js';
import { PlanChangeService } from './plan-change.service.js';
import {
  AdminSubscriptionView,
  ChangeTierRequest,
  EndRequest,
  ExtendRequest,
  PastDueRequest,
} from './subscription-admin.dto.js';
import { SubscriptionLifecycleService } from './subscription-lifecycle.service.js';
import { answer } from './subscription.admin.controller.js';

const Id = (): ParameterDecorator => Param('id', new IdPipe());
const Reply = (): ParameterDecorator => Res({ passthrough: true });

/** A change of one subscription: it names the state that it was made from and why, and answers the new state with its `ETag`. */
function Action(path: string, summary: string): MethodDecorator {
  return applyDecorators(
    Post(`:id/${path}`),
    HttpCode(200),
    ApiOperation({ summary }),
    ApiHeader({ name: 'If-Match', required: true, description: 'The ETag of the subscription as it was read' }),
    ApiResponse({ status: 200, type: AdminSubscriptionView }),
    ApiResponse({ status: 400, description: 'A field breaks its rule' }),
    ApiResponse({ status: 404, description: 'subscription_not_found' }),
    ApiResponse({ status: 409, description: 'subscription_state: not possible now, and why' }),
    ApiResponse({ status: 412, description: 'stale_etag: someone changed it meanwhile' }),
    ApiResponse({ status: 428, description: 'if_match_required' }),
  );
}

@AdminController('admin/subscriptions', 'admin')
export class SubscriptionActionsController {
  constructor(
    private readonly lifecycle: SubscriptionLifecycleService,
    private readonly changes: PlanChangeService,
    private readonly clock: Clock,
  ) {}

  @Action('change-tier', 'Upwards now, with the difference for the rest of the period; downwards with the next period')
  async changeTier(
    @Id() id: string,
    @Body() body: ChangeTierRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    const change = { ...by, reason: body.reason, tier: body.tier, when: body.when };
    return answer(await this.changes.change(id, change, this.clock.now()), reply);
  }

  @Action('cancel', 'Ends it with its period, or now; the free plan follows')
  async cancel(
    @Id() id: string,
    @Body() body: EndRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    const now = this.clock.now();
    const wanted = { ...by, reason: body.reason };
    return answer(
      await (body.when === 'now' ? this.lifecycle.end(id, wanted, now) : this.lifecycle.cancel(id, wanted, now)),
      reply,
    );
  }

  @Action('resume', 'Takes a cancellation back')
  async resume(
    @Id() id: string,
    @Body() body: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    return answer(await this.lifecycle.resume(id, { ...by, reason: body.reason }, this.clock.now()), reply);
  }

  @Action('suspend', 'Lets no request pass until it is reinstated; what is open settles')
  async suspend(
    @Id() id: string,
    @Body() body: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    return answer(await this.lifecycle.suspend(id, { ...by, reason: body.reason }, this.clock.now()), reply);
  }

  @Action('reinstate', 'Ends a suspension; allowances that would have begun meanwhile are skipped')
  async reinstate(
    @Id() id: string,
    @Body() body: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    return answer(await this.lifecycle.reinstate(id, { ...by, reason: body.reason }, this.clock.now()), reply);
  }

  @Action('past-due', 'A payment failed: it goes on through a grace period, the next allowance waits')
  async markPastDue(
    @Id() id: string,
    @Body() body: PastDueRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    const wanted = { ...by, reason: body.reason, ...(body.days !== undefined && { days: body.days }) };
    return answer(await this.lifecycle.markPastDue(id, wanted, this.clock.now()), reply);
  }

  @Action('recover', 'The payment came: allowances that waited are given')
  async recover(
    @Id() id: string,
    @Body() body: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    return answer(await this.lifecycle.recover(id, { ...by, reason: body.reason }, this.clock.now()), reply);
  }

  @Action('convert-trial', 'Makes a trial the plan')
  async convertTrial(
    @Id() id: string,
    @Body() body: ReasonRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    return answer(await this.lifecycle.convertTrial(id, { ...by, reason: body.reason }, this.clock.now()), reply);
  }

  @Action('extend', 'Lets a trial or a grace period last longer')
  async extend(
    @Id() id: string,
    @Body() body: ExtendRequest,
    @CurrentOperator() by: Operator,
    @Reply() reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    const wanted = { ...by, reason: body.reason, until: timeOf(body.until) };
    return answer(await this.lifecycle.extend(id, wanted, this.clock.now()), reply);
  }
}
