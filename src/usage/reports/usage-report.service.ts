import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { CompiledQuery } from 'kysely';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { pageOf } from '../../common/http/paging.js';
import {
  hourAfter,
  hourBefore,
  isWholeHour,
  monthOf,
  timeBuckets,
  type TimeBucket,
  timePieces,
  type TimeUnit,
} from '../domain/time-buckets.js';
import { forecastSpend } from '../domain/spend-forecast.js';
import { NO_USAGE, type UsageSum } from '../domain/usage-sum.js';
import type { TimeRange } from '../../common/http/time-range.js';
import { type RankingPage, rankingSql, sumsSql, type UsageSumRow, userRankingSql } from './usage-report.queries.js';
import type { UsageDimension, UsageFilter, UsageScope } from './usage-source.js';

/** More lines than anyone reads; a narrower range or fewer groups give the rest. */
const LINES_MAX = 20_000;
/** What a forecast takes for the present rate: a week has every kind of day. */
const RECENT_MS = 7 * 86_400_000;

export interface UsageLine extends UsageSum {
  /** The label of the time bucket, where there are some. */
  time: string | null;
  keys: Partial<Record<UsageDimension, string>>;
}

/** How a report is divided. */
export interface UsageDivision {
  unit: TimeUnit | null;
  dimensions: readonly UsageDimension[];
  timeZone: string;
  /** Whether times without usage have lines, too. Only where time is all that it is divided by. */
  fillsGaps: boolean;
}

export interface UsageAsked {
  range: TimeRange;
  filter: UsageFilter;
}

/** Sums of the usage, equal to the ledger at the moment they are asked for. */
@Injectable()
export class UsageReportService {
  constructor(private readonly em: EntityManager) {}

  async total(asked: UsageAsked): Promise<UsageSum> {
    const query = sumsSql(scopeOf(asked, []), { dimensions: [], starts: null, linesMax: 1 });
    const [row] = await this.execute(query);
    if (!row) throw new Error('a sum over everything has one line');
    return toSum(row);
  }

  /** Lines of the division, latest first. @throws InvalidRequestError for more lines than a report has */
  async lines(asked: UsageAsked, division: UsageDivision): Promise<UsageLine[]> {
    const { unit, dimensions, timeZone } = division;
    const buckets = unit === null ? null : timeBuckets(asked.range, unit, timeZone);
    if (buckets && buckets.length > LINES_MAX) throw tooManyLines();
    const starts = buckets?.map(({ start }) => start) ?? null;
    const query = sumsSql(scopeOf(asked, starts ?? []), { dimensions, starts, linesMax: LINES_MAX + 1 });
    const rows = await this.execute(query);
    if (rows.length > LINES_MAX) throw tooManyLines();
    const lines = rows.map((row) => toLine(row, dimensions, buckets));
    return division.fillsGaps && buckets && dimensions.length === 0 ? filled(lines, buckets) : lines;
  }

  /** A page of one dimension, the largest first. */
  async ranking(
    asked: UsageAsked,
    dimension: UsageDimension,
    { limit, ...from }: RankingPage,
  ): Promise<{ lines: UsageLine[]; next: string | null }> {
    const [scope, wanted] = [scopeOf(asked, []), { ...from, limit: limit + 1 }];
    const query = dimension === 'user' ? userRankingSql(scope, wanted) : rankingSql(scope, dimension, wanted);
    const page = pageOf(await this.execute(query), limit, (row) => `${row.sort_value}/${row.key}`);
    const lines = page.rows.map((row) => ({ ...toSum(row), time: null, keys: { [dimension]: row.key } }));
    return { lines, next: page.next };
  }

  /** What the month of the zone that `now` lies in will have cost at its end, at the rate of the last week. */
  async forecast(filter: UsageFilter, timeZone: string, now: Date): Promise<SpendForecast> {
    const month = monthOf(now, timeZone);
    const until = hourAfter(now);
    const recent = { from: hourBefore(new Date(now.getTime() - RECENT_MS)), to: until };
    const [spent, late] = await Promise.all([
      this.total({ range: { from: month.from, to: until }, filter }),
      this.total({ range: recent, filter }),
    ]);
    const durationMs = now.getTime() - recent.from.getTime();
    const remainingMs = month.to.getTime() - now.getTime();
    const at = (amount: (sum: UsageSum) => bigint): bigint =>
      forecastSpend(amount(spent), { amount: amount(late), durationMs }, remainingMs);
    return { month, recent, spent, creditsUcr: at((sum) => sum.creditsUcr), costNusd: at((sum) => sum.costNusd) };
  }

  private async execute<Row>(query: CompiledQuery<Row>): Promise<Row[]> {
    return (await this.em.fork().getKysely().executeQuery(query)).rows;
  }
}

export interface SpendForecast {
  month: TimeRange;
  recent: TimeRange;
  spent: UsageSum;
  creditsUcr: bigint;
  costNusd: bigint;
}

function scopeOf({ range, filter }: UsageAsked, starts: readonly Date[]): UsageScope {
  const isHourly = [range.from, range.to, ...starts].every(isWholeHour);
  return { range, filter, pieces: isHourly ? timePieces(range, starts) : null };
}

function toSum(row: UsageSumRow): UsageSum {
  return {
    requestCount: Number(row.request_count),
    errorCount: Number(row.error_count),
    inputTokens: BigInt(row.input_tokens),
    cachedInputTokens: BigInt(row.cached_input_tokens),
    cacheWriteTokens: BigInt(row.cache_write_tokens),
    outputTokens: BigInt(row.output_tokens),
    imageCount: BigInt(row.image_count),
    imageTokens: BigInt(row.image_tokens),
    creditsUcr: BigInt(row.credits_ucr),
    costNusd: BigInt(row.cost_nusd),
    latencies: row.latency_buckets.map(Number),
    firstTokens: row.first_token_buckets.map(Number),
  };
}

function toLine(
  row: UsageSumRow,
  dimensions: readonly UsageDimension[],
  buckets: readonly TimeBucket[] | null,
): UsageLine {
  const keys = Object.fromEntries(dimensions.map((dimension) => [dimension, row[dimension]]));
  return { ...toSum(row), time: buckets?.[(row.bucket ?? 0) - 1]?.label ?? null, keys };
}

/** The same lines, and empty ones where nothing was used; latest first. */
function filled(lines: readonly UsageLine[], buckets: readonly TimeBucket[]): UsageLine[] {
  const byTime = new Map(lines.map((line) => [line.time, line]));
  return buckets.map(({ label }) => byTime.get(label) ?? { ...NO_USAGE, time: label, keys: {} }).toReversed();
}

function tooManyLines(): InvalidRequestError {
  return InvalidRequestError.of([
    { field: 'groupBy', message: `makes more than ${LINES_MAX} lines; ask for a shorter time or fewer groups` },
  ]);
}
