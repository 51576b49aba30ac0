import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Clock } from '../common/clock.js';
import { CurrentPrincipal } from '../common/http/current-principal.js';
import type { Principal } from '../common/http/principal.js';
import { Scopes } from '../common/http/route-markers.js';
import { CreditsView, toCreditsView } from './credits.dto.js';
import { CreditsService } from './credits.service.js';

@ApiTags('me')
@ApiBearerAuth()
@Scopes('credits.read')
@Controller('v1/me/credits')
export class CreditsController {
  constructor(
    private readonly credits: CreditsService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Balance, grants in the order they are used, and when the credits will end' })
  @ApiResponse({ status: 200, type: CreditsView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope credits.read' })
  async read(@CurrentPrincipal() { userId }: Principal): Promise<CreditsView> {
    return toCreditsView(await this.credits.balance(userId, this.clock.now()));
  }
}
