import { Get } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { AdminController } from '../../common/http/admin-controller.js';
import { DatabaseReport } from './database-report.service.js';
import { DatabaseHealthView, IndexReportView } from './database.dto.js';

@AdminController('admin/database', 'admin', 'support')
export class DatabaseAdminController {
  constructor(private readonly database: DatabaseReport) {}

  @Get('health')
  @ApiOperation({
    summary: 'Connections, replicas, locks, long transactions, dead rows and slow statements, as they are now',
    description: 'No superuser is needed. What the role of this server may not see is named, with how to allow it.',
  })
  @ApiResponse({ status: 200, type: DatabaseHealthView })
  health(): Promise<DatabaseHealthView> {
    return this.database.health();
  }

  @Get('indexes')
  @ApiOperation({
    summary: 'How indexes are used, and what to do about those that are missing, unused, doubled or invalid',
    description: 'It reads counters that PostgreSQL keeps, so it is cheap and as good as the time that they were kept.',
  })
  @ApiResponse({ status: 200, type: IndexReportView })
  async indexes(): Promise<IndexReportView> {
    const { countedSince, ...report } = await this.database.indexes();
    return { countedSince: countedSince?.toISOString() ?? null, ...report };
  }
}
