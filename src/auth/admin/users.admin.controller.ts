import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { decodeCursor, encodeCursor } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import { toProfile } from '../account/me.dto.js';
import { ProfileService } from '../account/profile.service.js';
import { UsersPage, UsersQuery } from './users.admin.dto.js';

@AdminController('admin/users', 'admin', 'support')
export class UsersAdminController {
  constructor(private readonly profiles: ProfileService) {}

  @Get()
  @ApiOperation({ summary: 'Users, newest first; search by a part of the address' })
  @ApiResponse({ status: 200, type: UsersPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() { email, limit, cursor }: UsersQuery): Promise<UsersPage> {
    const { users, next } = await this.profiles.page({ email, limit, before: decodeCursor(cursor, isUuid) });
    return { data: users.map(toProfile), nextCursor: encodeCursor(next) };
  }
}
