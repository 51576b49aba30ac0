import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { CurrentPrincipal } from '../../common/http/current-principal.js';
import type { Principal } from '../../common/http/principal.js';
import { RequireFreshFactor, Scopes } from '../../common/http/route-markers.js';
import { isUuid } from '../../common/ids.js';
import { ApiKeyNotFoundError } from '../auth.errors.js';
import { originOf } from '../oauth/request-origin.js';
import { ApiKeyBody, ApiKeyList, MadeApiKeyView, toApiKeyView, toMadeApiKeyView, toWanted } from './api-keys.dto.js';
import { API_KEYS_MAX, ApiKeysService } from './api-keys.service.js';

@ApiTags('account')
@ApiBearerAuth()
@Scopes('user.info')
@Controller('v1/me/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @ApiOperation({ summary: 'Your API keys, newest first', description: 'Without those that were revoked.' })
  @ApiResponse({ status: 200, type: ApiKeyList })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
  async list(@CurrentPrincipal() { userId }: Principal): Promise<ApiKeyList> {
    return { data: (await this.keys.list(userId)).map(toApiKeyView) };
  }

  @Post()
  @RequireFreshFactor()
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Make an API key',
    description:
      'The key is in this answer and nowhere else. Send it as a bearer token, or to /v1/messages as x-api-key. Needs a fresh sign-in; a key cannot make keys.',
  })
  @ApiResponse({ status: 201, type: MadeApiKeyView })
  @ApiResponse({ status: 400, description: 'A field breaks its rule, or a scope is more than your token has' })
  @ApiResponse({ status: 401, description: 'No valid token, or insufficient_user_authentication' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
  @ApiResponse({ status: 409, description: `api_key_limit_reached: there are ${API_KEYS_MAX} already` })
  async make(
    @Body() body: ApiKeyBody,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
  ): Promise<MadeApiKeyView> {
    const { key, row } = await this.keys.make(principal, toWanted(body), originOf(request));
    return toMadeApiKeyView(row, key);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke an API key', description: 'It stops working at once, and for good.' })
  @ApiResponse({ status: 204 })
  @ApiResponse({ status: 401, description: 'No valid token' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope user.info' })
  @ApiResponse({ status: 404, description: 'api_key_not_found' })
  async revoke(
    @Param('id') id: string,
    @CurrentPrincipal() { userId }: Principal,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    if (!isUuid(id)) throw new ApiKeyNotFoundError();
    await this.keys.revoke(userId, id, originOf(request));
  }
}
