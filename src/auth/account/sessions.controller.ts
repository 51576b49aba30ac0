import { Controller, Delete, Get, HttpCode, Param, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import type { Principal } from '../../common/http/principal.js';
import { Scopes } from '../../common/http/route-markers.js';
import { DeviceService } from '../oauth/device.service.js';
import { originOf } from '../oauth/request-origin.js';
import { EndedSessions, Sessions, toSession } from './sessions.dto.js';

@ApiTags('account')
@ApiBearerAuth()
@Scopes('user.info')
@ApiResponse({ status: 401, description: 'No valid token' })
@ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
@Controller('v1/me/sessions')
export class SessionsController {
  constructor(private readonly devices: DeviceService) {}

  @Get()
  @ApiOperation({ summary: 'The devices on which you are signed in' })
  @ApiResponse({ status: 200, type: Sessions })
  async list(@CurrentPrincipal() { userId, accessId }: Principal): Promise<Sessions> {
    return { data: (await this.devices.list(userId)).map((device) => toSession(device, accessId)) };
  }

  @Delete()
  @HttpCode(200)
  @ApiOperation({ summary: 'Sign out everywhere else' })
  @ApiResponse({ status: 200, type: EndedSessions })
  async endOthers(
    @CurrentPrincipal() { userId, accessId }: Principal,
    @Req() request: FastifyRequest,
  ): Promise<EndedSessions> {
    return { ended: await this.devices.endOthers(userId, accessId, originOf(request)) };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign out one device; its tokens stop working with its next request' })
  @ApiResponse({ status: 204, description: 'It is signed out' })
  @ApiResponse({ status: 404, description: 'device_not_found: you are not signed in on such a device' })
  end(
    @Param('id', IdPipe) id: string,
    @CurrentPrincipal() { userId }: Principal,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    return this.devices.end(userId, id, originOf(request));
  }
}
