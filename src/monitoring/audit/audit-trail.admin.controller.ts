import { EntityManager } from '@mikro-orm/postgresql';
import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { timeOf } from '../../common/domain/times.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { encodeCursor } from '../../common/http/paging.js';
import { type Condition, timePage } from '../time-page.js';
import { AuditTrailPage, AuditTrailQuery, type AuditRecord, toAuditEntryView } from './audit-trail.dto.js';

/** Before all history, and after it. */
const BEGINNING = new Date(0);
const END = new Date('9999-12-31');

@AdminController('admin/audit-trail', 'admin', 'support')
export class AuditTrailAdminController {
  constructor(private readonly em: EntityManager) {}

  @Get()
  @ApiOperation({ summary: 'Who changed what, from what to what, and why; and who was refused a change' })
  @ApiResponse({ status: 200, type: AuditTrailPage })
  @ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
  async page(@Query() query: AuditTrailQuery): Promise<AuditTrailPage> {
    const range = { from: query.from ? timeOf(query.from) : BEGINNING, to: query.to ? timeOf(query.to) : END };
    if (!(range.from < range.to)) throw InvalidRequestError.of([{ field: 'from', message: 'must be before to' }]);
    const { rows, next } = await timePage<AuditRecord>(this.em, TABLE, {
      range,
      conditions: conditionsOf(query),
      page: query,
    });
    return { data: rows.map(toAuditEntryView), nextCursor: encodeCursor(next) };
  }
}

const TABLE = {
  table: 'audit_trail_all',
  columns: 'actor_id, action, entity, entity_id, before, after, reason, host(ip) as ip, request_id',
};

function conditionsOf({ actorId, action, entity, entityId, requestId }: AuditTrailQuery): Condition[] {
  return [
    ['actor_id = ?', actorId],
    ['action = ?', action],
    ['entity = ?', entity],
    ['entity_id = ?', entityId],
    ['request_id = ?', requestId],
  ];
}
