import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsEmail,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import { IfSent } from '../../common/http/if-sent.js';
import { BooleanText } from '../../common/http/boolean-text.js';
import { formatCredits, parseCredits } from '../../common/domain/micro-credits.js';
import { formatMoney, type Money, parseMoney } from '../../common/domain/money.js';
import { etagOf } from '../../common/http/etag.js';
import { PageQuery } from '../../common/http/paging.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import {
  type Budget,
  type BudgetAlert,
  BUDGET_PERIODS,
  type BudgetPeriod,
  BUDGET_SCOPES,
  type BudgetScope,
} from '../budget.entity.js';
import type { BudgetSpend } from './budget.queries.js';

const KEY_LENGTH_MAX = 100;
/** More steps than anyone wants to be told of. */
const THRESHOLDS_MAX = 10;
const PERCENT_MAX = 1_000;
/** A mailing list serves more. */
const ALERT_EMAILS_MAX = 10;
const CREDITS = {
  pattern: /^\d{1,12}(\.\d{1,6})?$/,
  message: 'must be credits with at most 6 decimals, e.g. 1000',
} as const;
const USD = {
  pattern: /^\d{1,9}(\.\d{1,9})?$/,
  message: 'must be an amount in USD with at most 9 decimals, e.g. 12.50',
} as const;

export class UpdateBudgetRequest extends ReasonRequest {
  @ApiPropertyOptional({ example: '1000', description: 'The ceiling in credits; either this or limitUsd' })
  @IfSent()
  @IsString()
  @Matches(CREDITS.pattern, { message: CREDITS.message })
  limitCredits?: string;

  @ApiPropertyOptional({ example: '250.00', description: 'The ceiling of what providers charge, in USD' })
  @IfSent()
  @IsString()
  @Matches(USD.pattern, { message: USD.message })
  limitUsd?: string;

  @ApiPropertyOptional({ type: [Number], example: [50, 80, 100], description: 'Percent of the limit; one alert each' })
  @IfSent()
  @IsArray()
  @ArrayUnique()
  @ArrayMinSize(1)
  @ArrayMaxSize(THRESHOLDS_MAX)
  @IsInt({ each: true })
  @Min(1, { each: true })
  @Max(PERCENT_MAX, { each: true })
  thresholds?: number[];

  @ApiPropertyOptional({ type: [String], example: ['ops@example.com'], description: 'Told of each alert by mail' })
  @IfSent()
  @IsArray()
  @ArrayUnique()
  @ArrayMaxSize(ALERT_EMAILS_MAX)
  @IsEmail({}, { each: true })
  alertEmails?: string[];

  @ApiPropertyOptional({ description: 'Whether requests are refused (429 budget_exceeded) once the limit is reached' })
  @IfSent()
  @IsBoolean()
  isHardStop?: boolean;

  @ApiPropertyOptional()
  @IfSent()
  @IsBoolean()
  isActive?: boolean;
}

export class CreateBudgetRequest extends UpdateBudgetRequest {
  @ApiProperty({ enum: BUDGET_SCOPES })
  @IsIn(BUDGET_SCOPES)
  scope!: BudgetScope;

  @ApiPropertyOptional({
    description: 'The tier, the id of the user or of the model; none for global',
    example: 'free',
  })
  @IsOptional()
  @IsString()
  @Length(1, KEY_LENGTH_MAX)
  scopeKey?: string;

  @ApiProperty({ enum: BUDGET_PERIODS, description: 'Of UTC' })
  @IsIn(BUDGET_PERIODS)
  period!: BudgetPeriod;
}

export class BudgetsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: BUDGET_SCOPES })
  @IsOptional()
  @IsIn(BUDGET_SCOPES)
  scope?: BudgetScope;

  @ApiPropertyOptional()
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  isActive?: boolean;
}

export class BudgetAlertsQuery extends PageQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  budgetId?: string;
}

export class BudgetView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ enum: BUDGET_SCOPES }) scope!: BudgetScope;
  @ApiProperty({ type: String, nullable: true }) scopeKey!: string | null;
  @ApiProperty({ enum: BUDGET_PERIODS }) period!: BudgetPeriod;
  @ApiProperty({ type: String, nullable: true, example: '1000.000000' }) limitCredits!: string | null;
  @ApiProperty({ type: MoneyView, nullable: true })
  limitCost!: Money | null;
  @ApiProperty({ type: [Number] }) thresholds!: number[];
  @ApiProperty({ type: [String] }) alertEmails!: string[];
  @ApiProperty() isHardStop!: boolean;
  @ApiProperty() isActive!: boolean;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class BudgetStateView extends BudgetView {
  @ApiProperty({ format: 'date-time' }) periodStart!: string;
  @ApiProperty({ format: 'date-time' }) periodEnd!: string;
  @ApiProperty({ description: 'In the unit of the limit; at most some ten seconds old' }) spent!: string;
  @ApiProperty({ description: 'Of the limit, rounded down' }) percent!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Until when requests are refused' })
  stoppedUntil!: string | null;
}

export class BudgetsPage {
  @ApiProperty({ type: [BudgetView] }) data!: BudgetView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class BudgetAlertView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) budgetId!: string;
  @ApiProperty({ format: 'date-time' }) periodStart!: string;
  @ApiProperty({ description: 'Percent of the limit' }) threshold!: number;
  @ApiProperty({ description: 'In the unit of the limit, when the alert was given' }) spent!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class BudgetAlertsPage {
  @ApiProperty({ type: [BudgetAlertView] }) data!: BudgetAlertView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

/** The limit that a request names, or null where it names none or both. */
export function limitFrom({
  limitCredits,
  limitUsd,
}: UpdateBudgetRequest): Pick<Budget, 'limitUcr' | 'limitNusd'> | null {
  if ((limitCredits === undefined) === (limitUsd === undefined)) return null;
  return {
    limitUcr: limitCredits === undefined ? null : parseCredits(limitCredits),
    limitNusd: limitUsd === undefined ? null : parseMoney(limitUsd),
  };
}

export function toBudgetView(budget: Budget): BudgetView {
  return {
    id: budget.id,
    scope: budget.scope,
    scopeKey: budget.scopeKey ?? null,
    period: budget.period,
    limitCredits: budget.limitUcr ? formatCredits(budget.limitUcr) : null,
    limitCost: budget.limitNusd ? formatMoney(budget.limitNusd) : null,
    thresholds: budget.thresholds,
    alertEmails: budget.alertEmails,
    isHardStop: budget.isHardStop,
    isActive: budget.isActive,
    createdAt: budget.createdAt.toISOString(),
    updatedAt: budget.updatedAt.toISOString(),
  };
}

export function toBudgetStateView(budget: Budget, spend: BudgetSpend): BudgetStateView {
  const spent = BigInt(spend.spent);
  return Object.assign(toBudgetView(budget), {
    periodStart: new Date(spend.starts_at).toISOString(),
    periodEnd: new Date(spend.ends_at).toISOString(),
    spent: spentIn(budget, spent),
    percent: Number((spent * 100n) / (budget.limitUcr ?? budget.limitNusd ?? 1n)),
    stoppedUntil: budget.stoppedUntil?.toISOString() ?? null,
  });
}

export function toAlertView(alert: BudgetAlert, budget: Budget): BudgetAlertView {
  return {
    id: alert.id,
    budgetId: budget.id,
    periodStart: alert.periodStart.toISOString(),
    threshold: alert.threshold,
    spent: spentIn(budget, alert.spent),
    createdAt: alert.createdAt.toISOString(),
  };
}

function spentIn({ limitNusd }: Budget, spent: bigint): string {
  return limitNusd ? formatMoney(spent).amount : formatCredits(spent);
}

/** Changes with every change of an operator, not with what is spent. */
export function etagOfBudget(budget: Budget): string {
  return etagOf(toBudgetView(budget));
}
