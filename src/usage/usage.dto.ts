import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { DividedQuery, divisionOf } from './reports/usage-report.dto.js';
import { totalUsage } from './domain/usage-sum.js';
import type { UsageDivision, UsageLine } from './reports/usage-report.service.js';
import { lineKeys, toSumView, UsageSumView } from './reports/usage-report.view.js';
import type { TimeRange } from '../common/http/time-range.js';

/** What users may divide their own usage by. */
const USER_GROUPS: readonly string[] = ['hour', 'day', 'model', 'operation'];

export class UserUsageLine extends UsageSumView {
  @ApiPropertyOptional({ example: '2026-05-10', description: 'Of the time zone; only when grouped by day' })
  day?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Where it begins; only when grouped by hour' })
  hour?: string;

  @ApiPropertyOptional({ description: 'Only when grouped by model' })
  model?: string;

  @ApiPropertyOptional({ description: 'Only when grouped by operation' })
  operation?: string;
}

export class UsageReport {
  @ApiProperty({ format: 'date-time' })
  from!: string;

  @ApiProperty({ format: 'date-time' })
  to!: string;

  @ApiProperty()
  timeZone!: string;

  @ApiProperty({ enum: USER_GROUPS, isArray: true })
  groupBy!: string[];

  @ApiProperty({ type: [UserUsageLine] })
  data!: UserUsageLine[];

  @ApiProperty({ type: UsageSumView })
  total!: UsageSumView;
}

/** @throws InvalidRequestError where operators alone may divide by it */
export function userDivisionOf(query: DividedQuery): UsageDivision {
  if (query.groupBy.every((group) => USER_GROUPS.includes(group))) return divisionOf(query);
  throw InvalidRequestError.of([{ field: 'groupBy', message: `each value must be one of ${USER_GROUPS.join(', ')}` }]);
}

export function toUsageReport(
  query: DividedQuery,
  range: TimeRange,
  { lines, unit }: { lines: UsageLine[]; unit: UsageDivision['unit'] },
): UsageReport {
  return {
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    timeZone: query.timeZone,
    groupBy: query.groupBy,
    data: lines.map((line) => Object.assign(lineKeys(line, unit), toSumView(line))),
    total: toSumView(totalUsage(lines)),
  };
}
