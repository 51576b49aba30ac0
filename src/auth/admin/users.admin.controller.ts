import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { decodeCursor, encodeCursor } from '../../common/http/paging.js';
import { Roles, Scopes } from '../../common/http/route-markers.js';
import { isUuid } from '../../common/ids.js';
import { toProfile } from '../account/me.dto.js';
import { ProfileService } from '../account/profile.service.js';
import { UsersPage, UsersQuery } from './users.admin.dto.js';

@ApiTags('admin')
@ApiBearerAuth()
@Scopes('admin')
@Roles('admin', 'support')
@Controller('admin/users')
export class UsersAdminController {
  constructor(private readonly profiles: ProfileService) {}

  @Get()
  @ApiOperation({ summary: 'Users, newest first; search by a part of the address' })
  @ApiResponse({ status: 200, type: UsersPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 401, description: 'No valid token, or a second factor is missing' })
  @ApiResponse({ status: 403, description: 'The token lacks the scope admin, or the user is no operator' })
  async list(@Query() { email, limit, cursor }: UsersQuery): Promise<UsersPage> {
    const { users, next } = await this.profiles.page({ email, limit, before: decodeCursor(cursor, isUuid) });
    return { data: users.map(toProfile), nextCursor: encodeCursor(next) };
  }
}
