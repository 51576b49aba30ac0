import { Get, Query, StreamableFile } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { textOf } from '../../common/http/api-schemas.js';
import { Clock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { CurrentOperator, type Operator } from '../../common/http/current-operator.js';
import { encodeCursor } from '../../common/http/paging.js';
import { AuditTrail } from '../../monitoring/audit-trail.service.js';
import { EXPORT_TYPES, toLedgerLine } from './ledger-format.js';
import { EXPORT_DAYS_MAX, LedgerExportQuery, ledgerFilterOf, LedgerPage, LedgerQuery } from './ledger.dto.js';
import { UsageLedgerService } from './usage-ledger.service.js';

@ApiResponse({ status: 400, description: 'invalid_request: a query parameter breaks its rule' })
@AdminController('admin/usage', 'admin', 'support')
export class LedgerAdminController {
  constructor(
    private readonly ledger: UsageLedgerService,
    private readonly clock: Clock,
    private readonly audit: AuditTrail,
  ) {}

  @Get('ledger')
  @ApiOperation({ summary: 'The charged calls of all users, newest first' })
  @ApiResponse({ status: 200, type: LedgerPage })
  async page(@Query() query: LedgerQuery): Promise<LedgerPage> {
    const { rows, next } = await this.ledger.page(ledgerFilterOf(query, this.clock.now()), query);
    return { data: rows.map(toLedgerLine), nextCursor: encodeCursor(next) };
  }

  @Get('export')
  @ApiOperation({
    summary: 'The ledger as a file of any size, streamed as it is read',
    description:
      'The rows come in no particular order. A file that breaks off was not read to its end: its transfer is not complete. Who exports what is in the audit trail.',
  })
  @ApiResponse({
    status: 200,
    description: 'CSV (RFC 4180, with a header) or JSON Lines',
    content: textOf('text/csv', 'application/jsonl'),
  })
  @ApiResponse({ status: 503, description: 'overloaded: the server writes as many exports as it may' })
  async export(@Query() query: LedgerExportQuery, @CurrentOperator() operator: Operator): Promise<StreamableFile> {
    const now = this.clock.now();
    const filter = ledgerFilterOf(query, now, EXPORT_DAYS_MAX);
    const { format } = query;
    const file = this.ledger.export(filter, format);
    try {
      await this.audit.record(
        { action: 'usage.export', entity: 'token_usage_ledger', entityId: format, before: null, after: filter },
        { ...operator, reason: null },
        now,
      );
    } catch (error) {
      file.destroy(); // nobody will read it, and it would keep its place among the exports for ever
      throw error;
    }
    return new StreamableFile(file, {
      type: EXPORT_TYPES[format],
      disposition: `attachment; filename="usage.${format}"`,
    });
  }
}
