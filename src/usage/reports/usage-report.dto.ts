import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsUUID,
  Validate,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { BooleanText } from '../../common/http/boolean-text.js';
import { TIERS } from '../../common/domain/tiers.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { PageQuery } from '../../common/http/paging.js';
import { CallFilterQuery } from '../call-filter-query.js';
import { isTimeZone, TIME_UNITS, type TimeUnit } from '../domain/time-buckets.js';
import { RangeQuery } from '../usage-range.js';
import { SORT_COLUMNS, type UsageSort } from './usage-report.queries.js';
import { USAGE_DIMENSIONS, type UsageDimension } from './usage-source.js';
import type { UsageDivision } from './usage-report.service.js';

/** Longer than any name of a time zone. */
const ZONE_LENGTH_MAX = 64;
export const USAGE_SORTS = Object.keys(SORT_COLUMNS) as UsageSort[];

@ValidatorConstraint()
class IsZone implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && value.length <= ZONE_LENGTH_MAX && isTimeZone(value);
  }

  defaultMessage(): string {
    return 'must be the name of a time zone, e.g. Europe/Berlin';
  }
}

export class TimeZoneQuery {
  @ApiPropertyOptional({
    description: 'An IANA name; days and hours are its',
    default: 'UTC',
    example: 'Europe/Berlin',
  })
  @IsOptional()
  @Validate(IsZone)
  timeZone: string = 'UTC';
}

/** How a report over time is divided; each kind of report says by what. */
export class DividedQuery extends IntersectionType(RangeQuery, TimeZoneQuery) {
  @ApiPropertyOptional({ description: 'Comma-separated; day without it', example: 'day,model' })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',').filter(Boolean) : value))
  @IsArray()
  @ArrayUnique()
  @IsIn([...TIME_UNITS, ...USAGE_DIMENSIONS], {
    each: true,
    message: `each value must be one of ${[...TIME_UNITS, ...USAGE_DIMENSIONS].join(', ')}`,
  })
  groupBy: (TimeUnit | UsageDimension)[] = ['day'];

  @ApiPropertyOptional({
    default: false,
    description: 'Whether days or hours without usage have lines, too; where nothing else is grouped by',
  })
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  fillGaps: boolean = false;
}

/** @throws InvalidRequestError where days and hours are asked for at once */
export function divisionOf({ groupBy, timeZone, fillGaps }: DividedQuery): UsageDivision {
  const [unit, second] = TIME_UNITS.filter((one) => groupBy.includes(one));
  if (second) throw InvalidRequestError.of([{ field: 'groupBy', message: 'takes either day or hour' }]);
  const dimensions = USAGE_DIMENSIONS.filter((dimension) => groupBy.includes(dimension));
  return { unit: unit ?? null, dimensions, timeZone, fillsGaps: fillGaps };
}

/** What operators narrow a report to. */
export class UsageFilterQuery extends CallFilterQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ enum: TIERS, description: 'At the time of the call' })
  @IsOptional()
  @IsIn(TIERS)
  tier?: string;
}

export class SummaryQuery extends IntersectionType(DividedQuery, UsageFilterQuery) {}

export class ForecastQuery extends IntersectionType(TimeZoneQuery, UsageFilterQuery) {}

export class RankingQuery extends IntersectionType(PageQuery, RangeQuery, UsageFilterQuery) {
  @ApiPropertyOptional({ enum: USAGE_SORTS, default: 'credits', description: 'The largest first' })
  @IsOptional()
  @IsIn(USAGE_SORTS)
  sort: UsageSort = 'credits';
}

export class LatencyView {
  @ApiProperty({ type: Number, nullable: true, description: 'Milliseconds' }) p50!: number | null;
  @ApiProperty({ type: Number, nullable: true }) p95!: number | null;
  @ApiProperty({ type: Number, nullable: true }) p99!: number | null;
}
