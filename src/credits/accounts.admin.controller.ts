import { Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../common/http/admin-controller.js';
import { Clock } from '../common/clock.js';
import { encodeCursor } from '../common/http/paging.js';
import { isUuid } from '../common/ids.js';
import { AccountView, AdminPostingPage, toAccountView } from './account.dto.js';
import { GrantsQuery, historyFilterOf, HistoryQuery } from './account.query.js';
import { AccountRecords } from './account-records.service.js';
import { UserNotFoundError } from './credits.errors.js';
import { rowPosition } from '../common/http/page-position.js';
import { toAdminPostingView } from './posting.dto.js';

/** A user has a few requests under way; more of them are a list of their own. */
const PENDING_HOLDS_MAX = 200;

@AdminController('admin/credits/accounts/:userId', 'admin', 'support')
export class AccountsAdminController {
  constructor(
    private readonly records: AccountRecords,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'An account as it is stored: sums, limits, grants and requests under way' })
  @ApiResponse({ status: 200, type: AccountView })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  async read(@Param('userId') userId: string, @Query() query: GrantsQuery): Promise<AccountView> {
    const now = this.clock.now();
    const account = await this.records.account(checkedUser(userId), now);
    const { state = null, limit } = query;
    const grants = { userId, source: null, state, after: rowPosition(query.cursor), limit };
    const pending = { userId, state: 'pending' as const, olderThan: null, after: null, limit: PENDING_HOLDS_MAX };
    return toAccountView(userId, account, {
      grants: await this.records.grants(grants, now),
      pendingHolds: (await this.records.holds(pending)).rows,
    });
  }

  @Get('history')
  @ApiOperation({ summary: 'Every line of an account, newest first, with who caused it' })
  @ApiResponse({ status: 200, type: AdminPostingPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  @ApiResponse({ status: 404, description: 'user_not_found' })
  async history(@Param('userId') userId: string, @Query() query: HistoryQuery): Promise<AdminPostingPage> {
    const { rows, next } = await this.records.history(checkedUser(userId), historyFilterOf(query));
    return { data: rows.map(toAdminPostingView), nextCursor: encodeCursor(next) };
  }
}

function checkedUser(userId: string): string {
  if (isUuid(userId)) return userId;
  throw new UserNotFoundError(userId);
}
