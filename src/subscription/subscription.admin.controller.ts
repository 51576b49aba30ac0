import { Body, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { CurrentOperator, type Operator } from '../common/http/current-operator.js';
import { IdPipe } from '../common/http/id-pipe.js';
import { decodeCursor, encodeCursor, pageOf, PageQuery } from '../common/http/paging.js';
import { Roles } from '../common/http/route-markers.js';
import { isUuid } from '../common/ids.js';
import {
  AdminSubscriptionView,
  StartPlanRequest,
  SubscriptionEventPageView,
  SubscriptionPageQuery,
  SubscriptionPageView,
  toAdminSubscriptionView,
  toSubscriptionEventView,
} from './subscription-admin.dto.js';
import { etagOfSubscription, SubscriptionLifecycleService } from './subscription-lifecycle.service.js';
import { type LiveSubscription, SubscriptionRepository } from './subscription.repository.js';
import { SubscriptionService } from './subscription.service.js';

const ID = new IdPipe();

@AdminController('admin/subscriptions', 'admin')
export class SubscriptionAdminController {
  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly lifecycle: SubscriptionLifecycleService,
    private readonly repository: SubscriptionRepository,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'Subscriptions, also those that have ended, by user, tier and status' })
  @ApiResponse({ status: 200, type: SubscriptionPageView })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() query: SubscriptionPageQuery): Promise<SubscriptionPageView> {
    const after = decodeCursor(query.cursor, isUuid);
    const found = await this.repository.findPage(query, { after, limit: query.limit + 1 });
    const { rows, next } = pageOf(found, query.limit, (subscription) => subscription.id);
    return { data: rows.map(toAdminSubscriptionView), nextCursor: encodeCursor(next) };
  }

  @Get(':id')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'One subscription; its ETag is what a change must name' })
  @ApiResponse({ status: 200, type: AdminSubscriptionView })
  @ApiResponse({ status: 404, description: 'subscription_not_found' })
  async read(
    @Param('id', ID) id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    return answer(await this.lifecycle.standing(id), reply);
  }

  @Get(':id/events')
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'What happened to it: when, why, by whom' })
  @ApiResponse({ status: 200, type: SubscriptionEventPageView })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 404, description: 'subscription_not_found' })
  async events(@Param('id', ID) id: string, @Query() query: PageQuery): Promise<SubscriptionEventPageView> {
    await this.lifecycle.standing(id);
    const after = decodeCursor(query.cursor, isUuid);
    const found = await this.repository.findEvents(id, { after, limit: query.limit + 1 });
    const { rows, next } = pageOf(found, query.limit, (event) => event.id);
    return { data: rows.map(toSubscriptionEventView), nextCursor: encodeCursor(next) };
  }

  @Post()
  @ApiOperation({ summary: 'Starts a plan afresh: what the user had ends, the new plan begins now' })
  @ApiResponse({ status: 201, type: AdminSubscriptionView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  @ApiResponse({ status: 409, description: 'address_not_confirmed: a plan begins when it is' })
  async start(
    @Body() { userId, tier, trial, reason }: StartPlanRequest,
    @CurrentOperator() operator: Operator,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AdminSubscriptionView> {
    const start = { ...operator, reason, isTrial: trial };
    return answer(await this.subscriptions.startPlan(userId, tier, start, this.clock.now()), reply);
  }
}

export function answer(subscription: LiveSubscription, reply: FastifyReply): AdminSubscriptionView {
  void reply.header('etag', etagOfSubscription(subscription));
  return toAdminSubscriptionView(subscription);
}
