import { Readable } from 'node:stream';
import { Body, Controller, Get, Patch, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import type { Principal } from '../../common/http/principal.js';
import { Scopes } from '../../common/http/route-markers.js';
import { Profile, ProfileChange, toProfile } from './me.dto.js';
import { PersonalExport } from './personal-export.service.js';
import { ProfileService } from './profile.service.js';

@ApiTags('account')
@ApiBearerAuth()
@Scopes('user.info')
@ApiResponse({ status: 401, description: 'No valid token' })
@ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
@Controller('v1/me')
export class MeController {
  constructor(
    private readonly profiles: ProfileService,
    private readonly exports: PersonalExport,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Who you are' })
  @ApiResponse({ status: 200, type: Profile })
  async me(@CurrentPrincipal() { userId }: Principal): Promise<Profile> {
    return toProfile(await this.profiles.of(userId));
  }

  @Patch()
  @ApiOperation({ summary: 'Change your name' })
  @ApiResponse({ status: 200, type: Profile })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  async change(@Body() { displayName }: ProfileChange, @CurrentPrincipal() { userId }: Principal): Promise<Profile> {
    return toProfile(await this.profiles.rename(userId, displayName));
  }

  @Get('export')
  @ApiOperation({ summary: 'Everything that is stored about you, as one JSON document' })
  @ApiResponse({ status: 200, description: 'A list of rows per section', content: { 'application/json': {} } })
  export(@CurrentPrincipal() { userId }: Principal, @Res() reply: FastifyReply): FastifyReply {
    return reply
      .type('application/json; charset=utf-8')
      .header('content-disposition', 'attachment; filename="tollgate-export.json"')
      .send(Readable.from(this.exports.write(userId)));
  }
}
