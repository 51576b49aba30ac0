import { Body, Get, Put } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { Clock } from '../../common/clock.js';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import type { Principal } from '../../common/http/principal.js';
import { GenerationController } from '../generation-controller.js';
import { GenerationPreferencesBody } from './generation-preferences.dto.js';
import { GenerationPreferencesService } from './generation-preferences.service.js';

@GenerationController('v1/me/generation-preferences')
export class GenerationPreferencesController {
  constructor(
    private readonly preferences: GenerationPreferencesService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'What your runs take where they say nothing' })
  @ApiResponse({ status: 200, type: GenerationPreferencesBody })
  read(@CurrentPrincipal() { userId }: Principal): Promise<GenerationPreferencesBody> {
    return this.preferences.of(userId);
  }

  @Put()
  @ApiOperation({ summary: 'Replaces them' })
  @ApiResponse({ status: 200, type: GenerationPreferencesBody })
  @ApiResponse({ status: 400, description: 'Every field that breaks a rule, and every model that does not exist' })
  async replace(
    @CurrentPrincipal() { userId }: Principal,
    @Body() body: GenerationPreferencesBody,
  ): Promise<GenerationPreferencesBody> {
    await this.preferences.replace(userId, body, this.clock.now());
    return body;
  }
}
