import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { WallClock } from '../../common/clock.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import type { Principal } from '../../common/http/principal.js';
import { Scopes } from '../../common/http/route-markers.js';
import { PreferencesBody, PreferencesView, toPreferences } from './preferences.dto.js';
import { PreferencesService } from './preferences.service.js';

@ApiTags('account')
@ApiBearerAuth()
@Scopes('user.info')
@Controller('v1/me/preferences')
export class PreferencesController {
  constructor(
    private readonly preferences: PreferencesService,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'What applies to your chats where they say nothing' })
  @ApiResponse({ status: 200, type: PreferencesView })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
  async read(@CurrentPrincipal() { userId }: Principal): Promise<PreferencesView> {
    return { ...(await this.preferences.stored(userId)) };
  }

  @Put()
  @ApiOperation({
    summary: 'Replace your preferences',
    description:
      'A preference never refuses a chat: one that its model does not take is left out, and X-Parameters-Applied says so. A field that is null in a chat is left to the provider.',
  })
  @ApiResponse({ status: 200, type: PreferencesView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
  @ApiResponse({ status: 422, description: 'model_not_found' })
  async replace(@Body() body: PreferencesBody, @CurrentPrincipal() { userId }: Principal): Promise<PreferencesView> {
    const wanted = toPreferences(body);
    await this.preferences.replace(userId, wanted, this.clock.now());
    return wanted;
  }
}
