import type { EntityManager } from '@mikro-orm/postgresql';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { timePosition } from '../common/http/page-position.js';
import { pageOf, PageQuery } from '../common/http/paging.js';
import type { TimeRange } from '../common/http/time-range.js';

const ORDERS = ['newest', 'oldest'] as const;
type TimeOrder = (typeof ORDERS)[number];

/** A list by time can be read from either end. */
export class TimePageQuery extends PageQuery {
  @ApiPropertyOptional({ enum: ORDERS, default: 'newest', description: 'Which come first' })
  @IsOptional()
  @IsIn(ORDERS)
  order: TimeOrder = 'newest';
}

/** A condition of a list: SQL of our own with one `?`. Undefined asks for all. */
export type Condition = readonly [sql: string, value: unknown];

/** A table that is read by time: the names come from the code, never from a request. Its key is (`created_at`, `id`). */
export interface TimeTable {
  table: string;
  /** Beside `id` and `created_at`. */
  columns: string;
}

interface TimeRow {
  id: string;
  created_at: string;
}

/** One page of a table within a time. @throws InvalidRequestError for a cursor that is none of such a list */
export async function timePage<Row extends TimeRow>(
  em: EntityManager,
  { table, columns }: TimeTable,
  { range, conditions, page }: { range: TimeRange; conditions: readonly Condition[]; page: TimePageQuery },
): Promise<{ rows: Row[]; next: string | null }> {
  const isNewestFirst = page.order === 'newest';
  const after = timePosition(page.cursor);
  const all: Condition[] = [['created_at >= ?', range.from], ['created_at < ?', range.to], ...conditions];
  const asked = all.filter(([, value]) => value !== undefined);
  const beyond = after ? ` and (created_at, id) ${isNewestFirst ? '<' : '>'} (?::timestamptz, ?::uuid)` : '';
  const direction = isNewestFirst ? 'desc' : 'asc';
  const found = await em.fork().execute<Row[]>(
    `select id, ${columns}, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
       from ${table} as t
      where ${asked.map(([sql]) => sql).join(' and ')}${beyond}
      order by t.created_at ${direction}, t.id ${direction} limit ?`,
    [...asked.map(([, value]) => value), ...(after ? [after.at, after.id] : []), page.limit + 1],
  );
  return pageOf(found, page.limit, (row) => `${row.created_at}/${row.id}`);
}
