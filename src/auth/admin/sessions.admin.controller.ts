import { Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import type { Principal } from '../../common/http/principal.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { EndedSessions, Sessions, toSession } from '../account/sessions.dto.js';
import { DeviceService } from '../oauth/device.service.js';

@AdminController('admin/users/:userId/sessions', 'admin')
export class SessionsAdminController {
  constructor(private readonly devices: DeviceService) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The devices on which a user is signed in' })
  @ApiResponse({ status: 200, type: Sessions })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  async list(@Param('userId', IdPipe) userId: string, @CurrentPrincipal() { accessId }: Principal): Promise<Sessions> {
    return { data: (await this.devices.listFor(userId)).map((device) => toSession(device, accessId)) };
  }

  @Delete()
  @HttpCode(200)
  @ApiOperation({ summary: 'Sign a user out everywhere' })
  @ApiResponse({ status: 200, type: EndedSessions })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  async endAll(
    @Param('userId', IdPipe) userId: string,
    @Query() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<EndedSessions> {
    return { ended: await this.devices.endAsOperator(userId, undefined, { ...operator, reason }) };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Sign a user out on one device' })
  @ApiResponse({ status: 204, description: 'It is signed out' })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'user_not_found, device_not_found' })
  async end(
    @Param('userId', IdPipe) userId: string,
    @Param('id', IdPipe) id: string,
    @Query() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<void> {
    await this.devices.endAsOperator(userId, id, { ...operator, reason });
  }
}
