import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { timeOf } from '../../common/domain/times.js';
import { decodeCursor, encodeCursor } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import { AuthEventRepository } from '../identity/auth-event.repository.js';
import { AuthEventsPage, AuthEventsQuery, toAuthEventView } from './auth-events.admin.dto.js';

@AdminController('admin/auth-events', 'admin', 'support')
export class AuthEventsAdminController {
  constructor(private readonly events: AuthEventRepository) {}

  @Get()
  @ApiOperation({ summary: 'What happened to sign-ins and credentials within a year, newest first' })
  @ApiResponse({ status: 200, type: AuthEventsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async list(@Query() { limit, cursor, from, to, sessionId, ...filter }: AuthEventsQuery): Promise<AuthEventsPage> {
    const times = { from: from ? timeOf(from) : undefined, to: to ? timeOf(to) : undefined };
    const page = { limit, before: decodeCursor(cursor, isUuid) };
    const { events, next } = await this.events.page({ ...filter, ...times, grantId: sessionId }, page);
    return { data: events.map(toAuthEventView), nextCursor: encodeCursor(next) };
  }
}
