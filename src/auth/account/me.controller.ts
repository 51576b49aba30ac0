import { Readable } from 'node:stream';
import { Body, Controller, Delete, Get, HttpCode, Patch, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import type { Principal } from '../../common/http/principal.js';
import { RequireFreshFactor, Scopes } from '../../common/http/route-markers.js';
import { AccountDeletion } from '../identity/account-deletion.service.js';
import { languageOf } from '../oauth/page-language.js';
import { originOf } from '../oauth/request-origin.js';
import { Profile, ProfileChange, toProfile } from './me.dto.js';
import { PersonalExport } from './personal-export.service.js';
import { ProfileService } from './profile.service.js';

/** Sections are added by every module that knows something of a person. */
const EXPORT_SCHEMA = {
  type: 'object',
  required: ['exportedAt'],
  properties: { exportedAt: { type: 'string', format: 'date-time' } },
  additionalProperties: true,
};

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
    private readonly deletion: AccountDeletion,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Who you are' })
  @ApiResponse({ status: 200, type: Profile })
  async me(@CurrentPrincipal() { userId }: Principal): Promise<Profile> {
    return toProfile(await this.profiles.of(userId));
  }

  @Patch()
  @ApiOperation({
    summary: 'Change your name',
    description: 'The address and the password are changed on the pages under /account.',
  })
  @ApiResponse({ status: 200, type: Profile })
  @ApiResponse({ status: 400, description: 'A field breaks its rule' })
  async change(@Body() { displayName }: ProfileChange, @CurrentPrincipal() { userId }: Principal): Promise<Profile> {
    return toProfile(await this.profiles.rename(userId, displayName));
  }

  @Delete()
  @HttpCode(204)
  @RequireFreshFactor()
  @ApiOperation({
    summary: 'Delete your account',
    description:
      'Every sign-in ends at once. For a grace of some days an operator can bring the account back; then it is erased.',
  })
  @ApiResponse({ status: 204, description: 'It is deleted' })
  @ApiResponse({ status: 401, description: 'insufficient_user_authentication: sign in again first' })
  @ApiResponse({ status: 409, description: 'last_operator' })
  async delete(@CurrentPrincipal() { userId }: Principal, @Req() request: FastifyRequest): Promise<void> {
    await this.deletion.delete(userId, { origin: originOf(request), language: languageOf(request) });
  }

  @Get('export')
  @ApiOperation({ summary: 'Everything that is stored about you, as one JSON document' })
  @ApiResponse({
    status: 200,
    description: 'A list of rows per section',
    content: { 'application/json': { schema: EXPORT_SCHEMA } },
  })
  export(@CurrentPrincipal() { userId }: Principal, @Res() reply: FastifyReply): FastifyReply {
    return reply
      .type('application/json; charset=utf-8')
      .header('content-disposition', 'attachment; filename="tollgate-export.json"')
      .send(Readable.from(this.exports.write(userId)));
  }
}
