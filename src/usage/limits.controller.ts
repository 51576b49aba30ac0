import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { CreditsService } from '../credits/credits.service.js';
import { HoldService } from '../credits/hold.service.js';
import { limitStates, NOTHING_USED } from './domain/limit-state.js';
import { LimitsView, toLimitsView } from './limits.dto.js';
import { MeteringService } from './metering.service.js';

@ApiTags('me')
@ApiBearerAuth()
@Scopes('user.info')
@Controller('v1/me/limits')
export class LimitsController {
  constructor(
    private readonly credits: CreditsService,
    private readonly holds: HoldService,
    private readonly metering: MeteringService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Every limit of your plan: what is used, what is left, and when it starts again',
    description: 'The same facts as the headers RateLimit and RateLimit-Policy of answers, and the details of a 429.',
  })
  @ApiResponse({ status: 200, type: LimitsView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info, or subscription_inactive' })
  async read(@CurrentPrincipal() { userId }: Principal): Promise<LimitsView> {
    const now = this.clock.now();
    // The balance brings the account up to date: a plan whose period ended may have changed.
    const balance = await this.credits.balance(userId, now);
    const { tier, limits } = await this.metering.limitsOf(userId, now);
    const used = (await this.holds.counted(userId, now)) ?? NOTHING_USED;
    return toLimitsView(tier, limitStates(limits, used, now), balance, now);
  }
}
