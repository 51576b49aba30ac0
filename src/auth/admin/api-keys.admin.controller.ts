import { Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { IdPipe } from '../../common/http/id-pipe.js';
import { decodeCursor, encodeCursor } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { Roles } from '../../common/http/route-markers.js';
import { isUuid } from '../../common/ids.js';
import { ApiKeysService } from '../account/api-keys.service.js';
import { AdminApiKeysPage, ApiKeysQuery, toAdminApiKeyView } from './api-keys.admin.dto.js';

@AdminController('admin/api-keys', 'admin')
export class ApiKeysAdminController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @Roles('admin', 'support')
  @ApiOperation({ summary: 'API keys of all users, newest first; those that ended for 90 days longer' })
  @ApiResponse({ status: 200, type: AdminApiKeysPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() { limit, cursor, ...filter }: ApiKeysQuery): Promise<AdminApiKeysPage> {
    const { keys, next } = await this.keys.page(filter, { limit, before: decodeCursor(cursor, isUuid) });
    return { data: keys.map(toAdminApiKeyView), nextCursor: encodeCursor(next) };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End an API key of any user' })
  @ApiResponse({ status: 204, description: 'It is refused from now on' })
  @ApiResponse({ status: 400, description: 'The reason is missing or too long' })
  @ApiResponse({ status: 404, description: 'api_key_not_found' })
  async revoke(
    @Param('id', IdPipe) id: string,
    @Query() { reason }: ReasonRequest,
    @CurrentOperator() operator: Operator,
  ): Promise<void> {
    await this.keys.revokeAsOperator(id, { ...operator, reason });
  }
}
