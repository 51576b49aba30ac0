import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { given } from '../dialects/given.js';
import { ErrorLog } from './circuit-breaker.entity.js';
import type { ErrorLogsQuery } from './error-log.dto.js';

/** What operators see of the failures that were kept. */
@Injectable()
export class ErrorLogs {
  constructor(private readonly em: EntityManager) {}

  /** Newest first. @throws InvalidRequestError for a cursor that is none */
  async page({ limit, cursor, ...filter }: ErrorLogsQuery) {
    const where = { ...given(filter), ...beforeId(cursor) };
    const rows = await this.em.fork().find(ErrorLog, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }
}
