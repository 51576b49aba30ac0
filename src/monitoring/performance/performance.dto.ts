import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { LastDayQuery, timeRangeOf } from '../../common/http/time-range.js';
import { API_SERVICES, type ApiService } from '../api-usage/service-of-route.js';
import { INTERVAL_MS, INTERVALS, type Interval, type PerformanceFilter, POINTS_MAX } from './performance.queries.js';
import { PERFORMANCE_METRICS, type PerformanceMetricName } from './performance-sampler.service.js';

const NAMES = Object.keys(PERFORMANCE_METRICS) as PerformanceMetricName[];
/** A host name and a port. */
const REPLICA_LENGTH_MAX = 300;
const RANGE_DAYS_MAX = 366;

export class PerformanceQuery extends LastDayQuery {
  @ApiProperty({ enum: NAMES, description: 'Of the requests the percentiles of each minute; else a sample of it' })
  @IsIn(NAMES)
  name!: PerformanceMetricName;

  @ApiPropertyOptional({ enum: INTERVALS, default: 'hour', description: `At most ${POINTS_MAX} of them at a time` })
  @IsOptional()
  @IsIn(INTERVALS)
  interval: Interval = 'hour';

  @ApiPropertyOptional({ description: 'One replica: its host name and port', example: 'tollgate-1:3000' })
  @IsOptional()
  @IsString()
  @Length(1, REPLICA_LENGTH_MAX)
  replica?: string;

  @ApiPropertyOptional({ enum: API_SERVICES })
  @IsOptional()
  @IsIn(API_SERVICES)
  service?: ApiService;
}

export class PerformancePointView {
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty({ type: String, nullable: true }) service!: string | null;
  @ApiProperty({ description: 'One a minute and replica' }) samples!: number;
  @ApiProperty() min!: number;
  @ApiProperty() average!: number;
  @ApiProperty() p50!: number;
  @ApiProperty() p95!: number;
  @ApiProperty() p99!: number;
  @ApiProperty() max!: number;
}

export class PerformanceReport {
  @ApiProperty({ enum: NAMES }) name!: PerformanceMetricName;
  @ApiProperty({ example: 'ms' }) unit!: string;
  @ApiProperty({ enum: INTERVALS }) interval!: Interval;
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ type: [PerformancePointView] }) data!: PerformancePointView[];
}

/** @throws InvalidRequestError for an empty range, or one with more points than a chart has. */
export function performanceFilterOf(query: PerformanceQuery, now: Date): PerformanceFilter {
  const { name, interval, replica, service } = query;
  const range = timeRangeOf(query, now, RANGE_DAYS_MAX);
  if (range.to.getTime() - range.from.getTime() > POINTS_MAX * INTERVAL_MS[interval]) {
    const message = `must be at most ${POINTS_MAX} ${interval}s before to; choose a longer interval`;
    throw InvalidRequestError.of([{ field: 'from', message }]);
  }
  return { range, name, interval, replica, service };
}
