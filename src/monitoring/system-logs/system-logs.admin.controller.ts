import { EntityManager } from '@mikro-orm/postgresql';
import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { WallClock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { encodeCursor } from '../../common/http/paging.js';
import { timeRangeOf } from '../../common/http/time-range.js';
import { type Condition, timePage } from '../time-page.js';
import { type SystemLogRecord, SystemLogsPage, SystemLogsQuery, toSystemLogView } from './system-logs.dto.js';

/** What is kept at most by default, and what a search for a text may read. */
const RANGE_DAYS_MAX = 31;

@AdminController('admin/system-logs', 'admin', 'support')
export class SystemLogsAdminController {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'The log of all processes, without the lines of requests that were answered below 500',
    description: 'By default of the last 24 hours. Those requests are counted in /admin/api-usage.',
  })
  @ApiResponse({ status: 200, type: SystemLogsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: SystemLogsQuery): Promise<SystemLogsPage> {
    const range = timeRangeOf(query, this.clock.now(), RANGE_DAYS_MAX);
    const { rows, next } = await timePage<SystemLogRecord>(this.em, TABLE, {
      range,
      conditions: conditionsOf(query),
      page: query,
    });
    return { data: rows.map(toSystemLogView), nextCursor: encodeCursor(next) };
  }
}

const TABLE = { table: 'system_logs', columns: 'level, service, message, user_id, session_id, metadata' };

function conditionsOf({ level, service, userId, sessionId, requestId, text }: SystemLogsQuery): Condition[] {
  return [
    ['level = ?::system_log_level', level],
    ['service = ?', service],
    ['user_id = ?', userId],
    ['session_id = ?', sessionId],
    [`metadata->>'requestId' = ?`, requestId],
    ['strpos(lower(message), ?) > 0', text?.toLowerCase()],
  ];
}
