import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import { formatMoney, type Money } from '../../common/domain/money.js';
import { PageQuery } from '../../common/http/paging.js';
import { LastDayQuery, timeRangeOf } from '../../common/http/time-range.js';
import {
  type ApiUsageFilter,
  type ApiUsageLine,
  type ApiUsageRecord,
  HOUR_SORTS,
  type HourSort,
  REPORT_GROUPS,
  type ReportGroup,
} from './api-usage.queries.js';
import { API_SERVICES, type ApiService } from './service-of-route.js';

/** Longer than any route. */
const ENDPOINT_LENGTH_MAX = 200;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const SORTS = Object.keys(HOUR_SORTS) as HourSort[];
/** A quarter: some million rows of a large installation. */
const RANGE_DAYS_MAX = 92;

class ApiUsageFilterQuery extends LastDayQuery {
  @ApiPropertyOptional({ enum: API_SERVICES })
  @IsOptional()
  @IsIn(API_SERVICES)
  service?: ApiService;

  @ApiPropertyOptional({ description: 'A route as it is listed', example: '/v1/chat/completions' })
  @IsOptional()
  @IsString()
  @Length(1, ENDPOINT_LENGTH_MAX)
  endpoint?: string;

  @ApiPropertyOptional({ enum: METHODS })
  @IsOptional()
  @IsIn(METHODS)
  method?: string;

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;
}

export class ApiUsageQuery extends IntersectionType(PageQuery, ApiUsageFilterQuery) {
  @ApiPropertyOptional({ enum: SORTS, default: 'hour', description: 'The newest, dearest or most failing hours first' })
  @IsOptional()
  @IsIn(SORTS)
  sort: HourSort = 'hour';
}

export class ApiUsageReportQuery extends ApiUsageFilterQuery {
  @ApiPropertyOptional({ enum: REPORT_GROUPS, default: 'endpoint' })
  @IsOptional()
  @IsIn(REPORT_GROUPS)
  groupBy: ReportGroup = 'endpoint';
}

/** @throws InvalidRequestError for an empty or too long range. */
export function usageFilterOf(query: ApiUsageFilterQuery, now: Date): ApiUsageFilter {
  const { service, endpoint, method, userId } = query;
  return { range: timeRangeOf(query, now, RANGE_DAYS_MAX), service, endpoint, method, userId };
}

class ApiUsageSums {
  @ApiProperty() requests!: number;
  @ApiProperty({ description: 'Answered with a status of 400 or more' }) errors!: number;
  @ApiProperty({ description: 'Of the requests, from 0 to 1' }) errorRate!: number;
  @ApiProperty() averageMs!: number;
  @ApiProperty({ type: String, description: 'In and out' }) tokens!: string;
  @ApiProperty({ type: MoneyView }) cost!: Money;
}

export class ApiUsageHourView extends ApiUsageSums {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'date-time' }) hour!: string;
  @ApiProperty({ enum: API_SERVICES }) service!: ApiService;
  @ApiProperty() endpoint!: string;
  @ApiProperty() method!: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) userId!: string | null;
}

export class ApiUsagePage {
  @ApiProperty({ type: [ApiUsageHourView] }) data!: ApiUsageHourView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class ApiUsageLineView extends ApiUsageSums {
  @ApiPropertyOptional({ format: 'date-time' }) hour?: string;
  @ApiPropertyOptional({ enum: API_SERVICES }) service?: ApiService;
  @ApiPropertyOptional() endpoint?: string;
  @ApiPropertyOptional() method?: string;
  @ApiPropertyOptional({ type: String, format: 'uuid', nullable: true }) userId?: string | null;
}

export class ApiUsageReport {
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ enum: REPORT_GROUPS }) groupBy!: ReportGroup;
  @ApiProperty({ type: [ApiUsageLineView] }) data!: ApiUsageLineView[];
}

export function toHourView(row: ApiUsageRecord): ApiUsageHourView {
  const { id, service, endpoint, method, user_id: userId } = row;
  return { id, hour: instant(row.time_window), service, endpoint, method, userId, ...sumsOf(row) };
}

export function toLineView(row: ApiUsageLine): ApiUsageLineView {
  const { service, endpoint, method, user_id: userId, time_window: hour } = row;
  return {
    ...(hour !== undefined && { hour: instant(hour) }),
    ...(service !== undefined && { service }),
    ...(endpoint !== undefined && { endpoint }),
    ...(method !== undefined && { method }),
    ...(userId !== undefined && { userId }),
    ...sumsOf(row),
  };
}

function instant(text: string): string {
  return new Date(text).toISOString();
}

function sumsOf(row: ApiUsageLine): Pick<ApiUsageSums, keyof ApiUsageSums> {
  return {
    requests: row.request_count,
    errors: row.error_count,
    errorRate: Number(row.error_rate),
    averageMs: Number(row.avg_response_ms),
    tokens: row.token_usage,
    cost: formatMoney(BigInt(row.cost_nusd)),
  };
}
