import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { MoneyView } from '../../common/http/api-schemas.js';
import { formatCredits, UCR_PER_CREDIT } from '../../common/domain/micro-credits.js';
import { formatMoney, type Money } from '../../common/domain/money.js';
import { percentileMs } from '../domain/latency-buckets.js';
import { LatencyView } from './usage-report.dto.js';
import type { UsageSum } from '../domain/usage-sum.js';
import type { SpendForecast, UsageLine } from './usage-report.service.js';

const MONEY = { type: MoneyView } as const;

/** Sums as users and operators read them. */
export class UsageSumView {
  @ApiProperty({ description: 'Charged calls of models' }) requests!: number;
  @ApiProperty({ description: 'Of these, calls that ended with an error of the provider or a time-out' })
  errors!: number;
  @ApiProperty({ description: 'Cached ones and images included' }) inputTokens!: number;
  @ApiProperty() cachedInputTokens!: number;
  @ApiProperty() cacheWriteTokens!: number;
  @ApiProperty({ description: 'Reasoning included' }) outputTokens!: number;
  @ApiProperty() images!: number;
  @ApiProperty() imageTokens!: number;
  @ApiProperty({ example: '12.500000' }) credits!: string;
  @ApiProperty({ type: LatencyView, description: 'Read from counts by bounds: within a quarter to a half' })
  latencyMs!: LatencyView;
  @ApiProperty({ type: LatencyView, description: 'Of streams, to the first token' }) firstTokenMs!: LatencyView;
}

export function toSumView(sum: UsageSum): UsageSumView {
  return {
    requests: sum.requestCount,
    errors: sum.errorCount,
    inputTokens: Number(sum.inputTokens),
    cachedInputTokens: Number(sum.cachedInputTokens),
    cacheWriteTokens: Number(sum.cacheWriteTokens),
    outputTokens: Number(sum.outputTokens),
    images: Number(sum.imageCount),
    imageTokens: Number(sum.imageTokens),
    credits: formatCredits(sum.creditsUcr),
    latencyMs: toLatencyView(sum.latencies),
    firstTokenMs: toLatencyView(sum.firstTokens),
  };
}

function toLatencyView(counts: readonly number[]): LatencyView {
  return { p50: percentileMs(counts, 0.5), p95: percentileMs(counts, 0.95), p99: percentileMs(counts, 0.99) };
}

/** The same beside what the providers charge for it. */
export class OperatorSumView extends UsageSumView {
  @ApiProperty({ ...MONEY, description: 'What the providers charge' }) cost!: Money;
  @ApiProperty({ ...MONEY, nullable: true, description: 'The credits at CREDIT_PRICE_USD; null where that is not set' })
  revenue!: Money | null;
  @ApiProperty({ ...MONEY, nullable: true, description: 'Revenue less cost' }) margin!: Money | null;
}

export function toOperatorSumView(sum: UsageSum, creditPriceNusd: bigint | null): OperatorSumView {
  const revenueNusd = creditPriceNusd === null ? null : (sum.creditsUcr * creditPriceNusd) / UCR_PER_CREDIT;
  return Object.assign(toSumView(sum), {
    cost: formatMoney(sum.costNusd),
    revenue: revenueNusd === null ? null : formatMoney(revenueNusd),
    margin: revenueNusd === null ? null : formatMoney(revenueNusd - sum.costNusd),
  });
}

export class OperatorLineView extends OperatorSumView {
  @ApiPropertyOptional({ example: '2026-05-10', description: 'Of the time zone; grouped by day' }) day?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Where it begins; grouped by hour' }) hour?: string;
  @ApiPropertyOptional() model?: string;
  @ApiPropertyOptional() provider?: string;
  @ApiPropertyOptional() operation?: string;
  @ApiPropertyOptional({ description: 'At the time of the call; unknown where the ledger does not tell' })
  tier?: string;
  @ApiPropertyOptional({ format: 'uuid' }) user?: string;
}

/** The members of a line that say what it is a sum of. */
export function lineKeys({ time, keys }: UsageLine, unit: 'hour' | 'day' | null): Record<string, string> {
  return { ...(unit !== null && time !== null && { [unit]: time }), ...keys };
}

class ReportRange {
  @ApiProperty({ format: 'date-time' }) from!: string;
  @ApiProperty({ format: 'date-time' }) to!: string;
}

export class PreviousView extends ReportRange {
  @ApiProperty({ type: OperatorSumView }) total!: OperatorSumView;
  @ApiProperty({ type: Number, nullable: true, description: 'Credits now for each credit then' }) creditsRatio!:
    number | null;
  @ApiProperty({ type: Number, nullable: true, description: 'Cost now for each dollar then' }) costRatio!:
    number | null;
}

export class SummaryView extends ReportRange {
  @ApiProperty() timeZone!: string;
  @ApiProperty({ type: [String] }) groupBy!: string[];
  @ApiProperty({ type: [OperatorLineView] }) data!: OperatorLineView[];
  @ApiProperty({ type: OperatorSumView }) total!: OperatorSumView;
  @ApiProperty({ type: PreviousView, description: 'The time of the same length before' }) previous!: PreviousView;
}

/** `now / then` to three digits, or null where then was nothing. */
export function ratioOf(now: bigint, then: bigint): number | null {
  return then === 0n ? null : Number((now * 1_000n) / then) / 1_000;
}

export class RankedLineView extends OperatorLineView {
  @ApiPropertyOptional({ type: String, nullable: true, description: 'Of the user' }) email?: string | null;
}

export class RankingView extends ReportRange {
  @ApiProperty({ type: [RankedLineView] }) data!: RankedLineView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

class SpendView {
  @ApiProperty({ example: '12.500000' }) credits!: string;
  @ApiProperty(MONEY) cost!: Money;
}

export class ForecastView extends ReportRange {
  @ApiProperty({ type: SpendView, description: 'Until now' }) spent!: SpendView;
  @ApiProperty({ type: SpendView, description: 'At the end of the month, at the rate of the last seven days' })
  expected!: SpendView;
}

export function toForecastView({ month, spent, creditsUcr, costNusd }: SpendForecast): ForecastView {
  return {
    from: month.from.toISOString(),
    to: month.to.toISOString(),
    spent: { credits: formatCredits(spent.creditsUcr), cost: formatMoney(spent.costNusd) },
    expected: { credits: formatCredits(creditsUcr), cost: formatMoney(costNusd) },
  };
}
