import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import type { Principal } from '../../common/http/principal.js';
import { Scopes } from '../../common/http/route-markers.js';
import { toProfile, Profile } from './me.dto.js';
import { ProfileService } from './profile.service.js';

@ApiTags('account')
@ApiBearerAuth()
@Controller('v1/me')
export class MeController {
  constructor(private readonly profiles: ProfileService) {}

  @Get()
  @Scopes('user.info')
  @ApiOperation({ summary: 'Who the token belongs to' })
  @ApiResponse({ status: 200, type: Profile })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
  async me(@CurrentPrincipal() principal: Principal): Promise<Profile> {
    return toProfile(await this.profiles.of(principal.userId));
  }
}
