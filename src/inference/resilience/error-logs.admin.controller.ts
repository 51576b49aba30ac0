import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { encodeCursor } from '../../common/http/paging.js';
import { ErrorLogsPage, ErrorLogsQuery, toErrorLogView } from './error-log.dto.js';
import { ErrorLogs } from './error-logs.service.js';

@AdminController('admin/error-logs', 'admin', 'support')
export class ErrorLogsAdminController {
  constructor(private readonly logs: ErrorLogs) {}

  @Get()
  @ApiOperation({ summary: 'The first failures of providers of every minute, newest first' })
  @ApiResponse({ status: 200, type: ErrorLogsPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: ErrorLogsQuery): Promise<ErrorLogsPage> {
    const { rows, next } = await this.logs.page(query);
    return { data: rows.map(toErrorLogView), nextCursor: encodeCursor(next) };
  }
}
