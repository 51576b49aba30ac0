import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { User } from '../../auth/identity/user.entity.js';
import { decodeCursor, encodeCursor } from '../../common/http/paging.js';
import { Config } from '../../config/config.js';
import type { TimeRange } from '../../common/http/time-range.js';
import { rangeOf, type RangeQuery, toFullHour } from '../usage-range.js';
import {
  divisionOf,
  type ForecastQuery,
  type RankingQuery,
  type SummaryQuery,
  type UsageFilterQuery,
} from './usage-report.dto.js';
import type { UsageDimension, UsageFilter } from './usage-source.js';
import { totalUsage, type UsageSum } from '../domain/usage-sum.js';
import { type SpendForecast, type UsageAsked, UsageReportService } from './usage-report.service.js';
import {
  lineKeys,
  type OperatorSumView,
  type PreviousView,
  ratioOf,
  type RankingView,
  type SummaryView,
  toOperatorSumView,
} from './usage-report.view.js';

/** The reports of operators. */
@Injectable()
export class UsageConsole {
  constructor(
    private readonly reports: UsageReportService,
    private readonly em: EntityManager,
    private readonly config: Config,
  ) {}

  /** @throws InvalidRequestError */
  async summary(query: SummaryQuery, now: Date): Promise<SummaryView> {
    const asked = askedBy(query, now);
    const division = divisionOf(query);
    const before = rangeBefore(asked.range);
    const [lines, earlier] = await Promise.all([
      this.reports.lines(asked, division),
      this.reports.total({ ...asked, range: before }),
    ]);
    const total = totalUsage(lines);
    return {
      ...shown(asked.range),
      timeZone: query.timeZone,
      groupBy: query.groupBy,
      data: lines.map((line) => Object.assign(lineKeys(line, division.unit), this.toView(line))),
      total: this.toView(total),
      previous: this.toPrevious(before, earlier, total),
    };
  }

  /** @throws InvalidRequestError */
  async ranking(dimension: UsageDimension, query: RankingQuery, now: Date): Promise<RankingView> {
    const asked = askedBy(query, now);
    const { sort, limit } = query;
    const { lines, next } = await this.reports.ranking(asked, dimension, {
      sort,
      limit,
      after: rankOf(query.cursor),
    });
    const emails = dimension === 'user' ? await this.emailsOf(lines.map(({ keys }) => keys.user!)) : null;
    return {
      ...shown(asked.range),
      data: lines.map((line) => {
        const email = emails && { email: emails.get(line.keys.user!) ?? null };
        return Object.assign({ ...line.keys, ...email }, this.toView(line));
      }),
      nextCursor: encodeCursor(next),
    };
  }

  forecast(query: ForecastQuery, now: Date): Promise<SpendForecast> {
    return this.reports.forecast(filterOf(query), query.timeZone, now);
  }

  private async emailsOf(ids: string[]): Promise<Map<string, string>> {
    const users = await this.em.fork().find(User, { id: { $in: ids } }, { fields: ['id', 'email'] });
    return new Map(users.map(({ id, email }) => [id, email]));
  }

  private toView(sum: UsageSum): OperatorSumView {
    return toOperatorSumView(sum, this.config.creditPriceNusd);
  }

  private toPrevious(range: TimeRange, then: UsageSum, now: UsageSum): PreviousView {
    return {
      ...shown(range),
      total: this.toView(then),
      creditsRatio: ratioOf(now.creditsUcr, then.creditsUcr),
      costRatio: ratioOf(now.costNusd, then.costNusd),
    };
  }
}

function askedBy(query: RangeQuery & UsageFilterQuery, now: Date): UsageAsked {
  return { range: toFullHour(rangeOf(query, now), now), filter: filterOf(query) };
}

function filterOf({ userId, model, provider, operation, tier }: UsageFilterQuery): UsageFilter {
  return { user: userId, model, provider, operation, tier };
}

/** The time of the same length that ends where the range begins. */
function rangeBefore({ from, to }: TimeRange): TimeRange {
  return { from: new Date(2 * from.getTime() - to.getTime()), to: from };
}

function shown({ from, to }: TimeRange): { from: string; to: string } {
  return { from: from.toISOString(), to: to.toISOString() };
}

const RANK = /^(\d{1,18})\/(.{1,100})$/s;

/** The line that a page starts after. @throws InvalidRequestError when it is no cursor of such a list */
function rankOf(cursor: string | undefined): { value: string; key: string } | null {
  const text = decodeCursor(cursor, (one) => RANK.test(one) && !one.includes('\0'));
  const [, value, key] = RANK.exec(text ?? '') ?? [];
  return value === undefined || key === undefined ? null : { value, key };
}
