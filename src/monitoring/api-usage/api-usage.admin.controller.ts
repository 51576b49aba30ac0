import { EntityManager } from '@mikro-orm/postgresql';
import { Get, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import { WallClock } from '../../common/clock.js';
import { AdminController } from '../../common/http/admin-controller.js';
import { decodeCursor, encodeCursor, pageOf } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import {
  ApiUsagePage,
  ApiUsageQuery,
  ApiUsageReport,
  ApiUsageReportQuery,
  toHourView,
  toLineView,
  usageFilterOf,
} from './api-usage.dto.js';
import {
  type ApiUsageLine,
  type ApiUsageRecord,
  type HourSort,
  hoursPage,
  REPORT_LINES_MAX,
  usageReport,
} from './api-usage.queries.js';

@ApiResponse({ status: 400, description: 'A query parameter breaks its rule' })
@AdminController('admin/api-usage', 'admin', 'support')
export class ApiUsageAdminController {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Requests by hour, route and user; at most some ten seconds old',
    description:
      'By default of the last 24 hours. What one hour cost is what providers charge for what was settled in it.',
  })
  @ApiResponse({ status: 200, type: ApiUsagePage })
  async page(@Query() query: ApiUsageQuery): Promise<ApiUsagePage> {
    const { sort, limit, cursor } = query;
    const filter = usageFilterOf(query, this.clock.now());
    const { sql, parameters } = hoursPage(filter, { sort, after: positionOf(cursor, sort), limit: limit + 1 });
    const found = await this.em.fork().execute<ApiUsageRecord[]>(sql, parameters);
    const { rows, next } = pageOf(found, limit, ({ position, id }) => `${sort}/${position}/${id}`);
    return { data: rows.map(toHourView), nextCursor: encodeCursor(next) };
  }

  @Get('summary')
  @ApiOperation({
    summary: 'Sums of requests by hour, service, route or user',
    description: `At most ${REPORT_LINES_MAX} lines, those with the most requests; by hour the newest.`,
  })
  @ApiResponse({ status: 200, type: ApiUsageReport })
  async report(@Query() query: ApiUsageReportQuery): Promise<ApiUsageReport> {
    const { groupBy } = query;
    const filter = usageFilterOf(query, this.clock.now());
    const { sql, parameters } = usageReport(filter, groupBy);
    const lines = await this.em.fork().execute<ApiUsageLine[]>(sql, parameters);
    const { from, to } = filter.range;
    return { from: from.toISOString(), to: to.toISOString(), groupBy, data: lines.map(toLineView) };
  }
}

/** A cursor is of one order: sent with another it is none. @throws InvalidRequestError */
function positionOf(cursor: string | undefined, sort: HourSort): { value: string; id: string } | null {
  const text = decodeCursor(cursor, (one) => {
    const [by, value = '', id = '', ...rest] = one.split('/');
    return by === sort && rest.length === 0 && isUuid(id) && VALUES[sort].test(value);
  });
  const [, value, id] = text?.split('/') ?? [];
  return value === undefined || id === undefined ? null : { value, id };
}

const VALUES: Record<HourSort, RegExp> = { hour: /^\d{9,11}$/, cost: /^\d{1,18}$/, errorRate: /^[01]\.\d{1,6}$/ };
