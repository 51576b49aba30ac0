import { Body, Get, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { Roles } from '../../common/http/route-markers.js';
import { KeyRotation } from '../oauth/key-rotation.service.js';
import { RotateKeysRequest, SigningKeysView, toSigningKeysView } from './keys.admin.dto.js';

@AdminController('admin/keys', 'admin')
export class KeysAdminController {
  constructor(private readonly rotation: KeyRotation) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'The keys that sign tokens, without their private halves' })
  @ApiResponse({ status: 200, type: SigningKeysView })
  async list(): Promise<SigningKeysView> {
    return toSigningKeysView(await this.rotation.list());
  }

  @Post('rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Begins a rotation, which ends by itself within a day; nobody is signed out' })
  @ApiResponse({ status: 200, type: SigningKeysView })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  async rotate(
    @Body() { reason, emergency }: RotateKeysRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<SigningKeysView> {
    const cause = { ...operator, reason };
    await (emergency ? this.rotation.rotateInEmergency(cause) : this.rotation.rotate(cause));
    return this.list();
  }
}
