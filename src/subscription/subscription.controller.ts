import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { PlanChangeService } from './plan-change.service.js';
import { SubscriptionLifecycleService } from './subscription-lifecycle.service.js';
import {
  ChangePreviewView,
  PreviewRequest,
  SubscriptionView,
  toChangePreviewView,
  toSubscriptionView,
} from './subscription.dto.js';
import type { LiveSubscription } from './subscription.repository.js';
import { SubscriptionService } from './subscription.service.js';

@ApiTags('me')
@ApiBearerAuth()
@Scopes('user.info')
@ApiResponse({ status: 401, description: 'No valid token' })
@ApiResponse({
  status: 403,
  description: 'The token lacks the scope user.info, or subscription_inactive: the address is not verified',
})
@Controller('v1/me/subscription')
export class SubscriptionController {
  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly lifecycle: SubscriptionLifecycleService,
    private readonly changes: PlanChangeService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The plan, its limits and the current period' })
  @ApiResponse({ status: 200, type: SubscriptionView })
  async read(@CurrentPrincipal() { userId }: Principal): Promise<SubscriptionView> {
    return this.view(await this.current(userId));
  }

  @Post('preview')
  @HttpCode(200)
  @ApiOperation({ summary: 'What a change of plan would do to your credits. Nothing is changed' })
  @ApiResponse({ status: 200, type: ChangePreviewView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 409, description: 'subscription_state: such a change is not possible now' })
  async preview(
    @Body() { tier, when }: PreviewRequest,
    @CurrentPrincipal() { userId }: Principal,
  ): Promise<ChangePreviewView> {
    return toChangePreviewView(await this.changes.preview(userId, tier, when, this.clock.now()));
  }

  @Post('cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Ends the plan with its current period; the free plan follows' })
  @ApiResponse({ status: 200, type: SubscriptionView })
  @ApiResponse({ status: 409, description: 'subscription_state: there is nothing to cancel' })
  async cancel(@CurrentPrincipal() { userId }: Principal): Promise<SubscriptionView> {
    const { id } = await this.current(userId);
    const cause = { actorId: userId, reason: 'cancelled by its user' };
    return this.view(await this.lifecycle.cancel(id, cause, this.clock.now()));
  }

  @Post('resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Takes a cancellation back, while the period lasts' })
  @ApiResponse({ status: 200, type: SubscriptionView })
  @ApiResponse({ status: 409, description: 'subscription_state: no cancellation is pending' })
  async resume(@CurrentPrincipal() { userId }: Principal): Promise<SubscriptionView> {
    const { id } = await this.current(userId);
    const cause = { actorId: userId, reason: 'cancellation taken back by its user' };
    return this.view(await this.lifecycle.resume(id, cause, this.clock.now()));
  }

  private async current(userId: string): Promise<LiveSubscription> {
    const now = this.clock.now();
    await this.subscriptions.closeDuePeriods(userId, now);
    return this.subscriptions.ensureSubscription(userId, now);
  }

  private async view(subscription: LiveSubscription): Promise<SubscriptionView> {
    return toSubscriptionView(subscription, await this.subscriptions.planOf(subscription));
  }
}
