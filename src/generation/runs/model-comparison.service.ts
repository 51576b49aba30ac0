import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import { IsTime } from '../../common/http/is-time.js';
import { timeRangeOf } from '../../common/http/time-range.js';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { formatMoney, type Money } from '../../common/domain/money.js';

/** What is compared where no range is named. */
const RANGE_DAYS_DEFAULT = 30;
const DAY_MS = 86_400_000;

export class ModelComparisonQuery {
  @ApiPropertyOptional({ format: 'date-time', description: `${RANGE_DAYS_DEFAULT} days before its end unless named` })
  @IsOptional()
  @IsTime()
  from?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Now unless named' })
  @IsOptional()
  @IsTime()
  to?: string;
}

export class ComparedModelView {
  @ApiProperty() model!: string;
  @ApiProperty({ description: 'How often it was asked' }) runs!: number;
  @ApiProperty({ description: 'Runs of a hundred in which it gave at least one name' }) successRate!: number;
  @ApiProperty({ description: 'Names of a hundred that were asked for' }) fillRate!: number;
  @ApiProperty() namesGenerated!: number;
  @ApiProperty({ type: Number, nullable: true }) responseMsAverage!: number | null;
  @ApiProperty({ type: Number, nullable: true }) responseMsP95!: number | null;
  @ApiProperty() tokensUsed!: number;
  @ApiProperty({ example: '12.500000' }) creditsCharged!: string;
  @ApiProperty({ type: MoneyView }) cost!: Money;
  @ApiProperty({ description: 'Suggestions that are still there and credited to it' }) suggestions!: number;
  @ApiProperty({ description: 'Of those, in a hundred' }) favouriteShare!: number;
}

export class ModelComparisonView {
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
  @ApiProperty({ type: [ComparedModelView], description: 'The most asked first' }) data!: ComparedModelView[];
}

interface Row {
  model: string;
  runs: string;
  succeeded: string;
  fill: string;
  names: string;
  average: string | null;
  p95: string | null;
  tokens: string;
  credits: string;
  cost: string;
  suggestions: string;
  favourites: string;
}

const SQL = `
  with asked as (
    select model_name as model, count(*) as runs, count(*) filter (where names_generated > 0) as succeeded,
           avg(success_rate) as fill, sum(names_generated) as names,
           avg(response_time_ms) filter (where error_message is null) as average,
           percentile_cont(0.95) within group (order by response_time_ms) filter (where error_message is null) as p95,
           coalesce(sum(tokens_used), 0) as tokens, sum(credits_ucr) as credits, sum(cost_nusd) as cost
      from ai_model_performance where created_at >= ? and created_at < ? group by 1
  ), liked as (
    select ai_model as model, count(*) as suggestions, count(*) filter (where is_favourite) as favourites
      from name_suggestions where ai_model is not null and created_at >= ? and created_at < ? group by 1
  )
  select a.*, coalesce(l.suggestions, 0) as suggestions, coalesce(l.favourites, 0) as favourites
    from asked a left join liked l using (model) order by a.runs desc, a.model`;

/** How the models do beside each other. */
@Injectable()
export class ModelComparisonService {
  constructor(private readonly em: EntityManager) {}

  /** @throws InvalidRequestError for a range that ends before it begins */
  async compare(query: ModelComparisonQuery, now: Date): Promise<ModelComparisonView> {
    const monthBefore = (end: Date): Date => new Date(end.getTime() - RANGE_DAYS_DEFAULT * DAY_MS);
    const { from, to } = timeRangeOf(query, now, Infinity, monthBefore);
    const rows = await this.em.fork().execute<Row[]>(SQL, [from, to, from, to]);
    return { from: from.toISOString(), to: to.toISOString(), data: rows.map(toView) };
  }
}

function toView(row: Row): ComparedModelView {
  const whole = (text: string | null): number | null => (text === null ? null : Math.round(Number(text)));
  const share = (part: string, of: string): number =>
    Number(of) === 0 ? 0 : rounded((Number(part) / Number(of)) * 100);
  return {
    model: row.model,
    runs: Number(row.runs),
    successRate: share(row.succeeded, row.runs),
    fillRate: rounded(Number(row.fill)),
    namesGenerated: Number(row.names),
    responseMsAverage: whole(row.average),
    responseMsP95: whole(row.p95),
    tokensUsed: Number(row.tokens),
    creditsCharged: formatCredits(BigInt(row.credits)),
    cost: formatMoney(BigInt(row.cost)),
    suggestions: Number(row.suggestions),
    favouriteShare: share(row.favourites, row.suggestions),
  };
}

function rounded(percent: number): number {
  return Math.round(percent * 100) / 100;
}
