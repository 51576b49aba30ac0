import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { PlanService } from './plan.service.js';
import { SubscriptionView, toSubscriptionView } from './subscription.dto.js';
import { SubscriptionService } from './subscription.service.js';

@ApiTags('me')
@ApiBearerAuth()
@Scopes('user.info')
@Controller('v1/me/subscription')
export class SubscriptionController {
  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly plans: PlanService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'The plan, its limits and the current period' })
  @ApiResponse({ status: 200, type: SubscriptionView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({
    status: 403,
    description: 'The token lacks the scope user.info, or subscription_inactive: the address is not verified',
  })
  async read(@CurrentPrincipal() { userId }: Principal): Promise<SubscriptionView> {
    const subscription = await this.subscriptions.ensureSubscription(userId, this.clock.now());
    return toSubscriptionView(subscription, await this.plans.of(subscription.tier));
  }
}
