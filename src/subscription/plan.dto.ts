import { ApiProperty, ApiPropertyOptional, IntersectionType } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';
import { IfSent } from '../common/http/if-sent.js';
import { formatCredits, parseCredits } from '../common/domain/micro-credits.js';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { etagOf } from '../common/http/etag.js';
import { ReasonRequest } from '../common/http/reason-request.js';
import type { Plan } from './plan.entity.js';
import type { PlanPatch } from './plan.service.js';

const CREDITS = {
  type: String,
  example: '2000.000000',
  description: 'Credits, at most 9 digits before the point',
} as const;
const CREDITS_PATTERN = /^\d{1,9}(\.\d{1,6})?$/;
const CREDITS_RULE = { message: 'must be a decimal string with at most 6 digits after the point, e.g. "12.5"' };
const COUNT_MAX = 1_000_000_000;
const TOKENS_MAX = Number.MAX_SAFE_INTEGER;

/** A limit that may be lifted: a whole number, or null for none. */
function Limit(max: number): PropertyDecorator {
  return (target, key) => {
    ApiPropertyOptional({ type: Number, nullable: true, minimum: 1, maximum: max })(target, key);
    IsOptional()(target, key);
    IsInt()(target, key);
    Min(1)(target, key);
    Max(max)(target, key);
  };
}

function Count(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    ApiPropertyOptional({ minimum: min, maximum: max })(target, key);
    IfSent()(target, key);
    IsInt()(target, key);
    Min(min)(target, key);
    Max(max)(target, key);
  };
}

function Credits(): PropertyDecorator {
  return (target, key) => {
    ApiPropertyOptional(CREDITS)(target, key);
    IfSent()(target, key);
    IsString()(target, key);
    Matches(CREDITS_PATTERN, CREDITS_RULE)(target, key);
  };
}

function Flag(): PropertyDecorator {
  return (target, key) => {
    ApiPropertyOptional()(target, key);
    IfSent()(target, key);
    IsBoolean()(target, key);
  };
}

class PlanFields {
  @ApiPropertyOptional({ minLength: 1, maxLength: 100 })
  @IfSent()
  @IsString()
  @Length(1, 100)
  displayName?: string;

  @Credits() monthlyCredits?: string;
  @Count(0, 100) rolloverPercent?: number;
  @Credits() rolloverMax?: string;
  @Credits() rolloverMinCarry?: string;
  @Count(1, 24) rolloverPeriods?: number;
  @Count(1, 100_000) concurrentRequests?: number;
  @Count(1, COUNT_MAX) requestsPerMinute?: number;
  @Limit(COUNT_MAX) tokensPerMinute?: number | null;
  @Limit(COUNT_MAX) requestsPerDay?: number | null;
  @Limit(TOKENS_MAX) tokensPerDay?: number | null;
  @Limit(COUNT_MAX) requestsPerMonth?: number | null;
  @Limit(TOKENS_MAX) tokensPerMonth?: number | null;
  @Count(0, 365) trialDays?: number;
  @Count(0, 90) graceDays?: number;
  @Flag() redirectLegacyModels?: boolean;
  @Flag() isPublic?: boolean;
}

/** What is to change; what is left out stays. */
export class PlanUpdateRequest extends IntersectionType(PlanFields, ReasonRequest) {}

/** A tier's terms, as its operator sees and sets them. */
export class AdminPlanView {
  @ApiProperty({ enum: TIERS }) tier!: Tier;
  @ApiProperty() displayName!: string;
  @ApiProperty(CREDITS) monthlyCredits!: string;
  @ApiProperty() rolloverPercent!: number;
  @ApiProperty(CREDITS) rolloverMax!: string;
  @ApiProperty(CREDITS) rolloverMinCarry!: string;
  @ApiProperty() rolloverPeriods!: number;
  @ApiProperty() concurrentRequests!: number;
  @ApiProperty() requestsPerMinute!: number;
  @ApiProperty({ type: Number, nullable: true }) tokensPerMinute!: number | null;
  @ApiProperty({ type: Number, nullable: true }) requestsPerDay!: number | null;
  @ApiProperty({ type: Number, nullable: true }) tokensPerDay!: number | null;
  @ApiProperty({ type: Number, nullable: true }) requestsPerMonth!: number | null;
  @ApiProperty({ type: Number, nullable: true }) tokensPerMonth!: number | null;
  @ApiProperty() trialDays!: number;
  @ApiProperty() graceDays!: number;
  @ApiProperty() redirectLegacyModels!: boolean;
  @ApiProperty() isPublic!: boolean;
}

export class PlanListView {
  @ApiProperty({ type: [AdminPlanView] })
  data!: AdminPlanView[];
}

export function toAdminPlanView(plan: Plan): AdminPlanView {
  return {
    tier: plan.tier,
    displayName: plan.displayName,
    monthlyCredits: formatCredits(plan.monthlyCreditsUcr),
    rolloverPercent: plan.rolloverPercent,
    rolloverMax: formatCredits(plan.rolloverMaxUcr),
    rolloverMinCarry: formatCredits(plan.rolloverMinCarryUcr),
    rolloverPeriods: plan.rolloverPeriods,
    concurrentRequests: plan.concurrentRequests,
    requestsPerMinute: plan.requestsPerMinute,
    tokensPerMinute: plan.tokensPerMinute ?? null,
    requestsPerDay: plan.requestsPerDay ?? null,
    tokensPerDay: toNumber(plan.tokensPerDay),
    requestsPerMonth: plan.requestsPerMonth ?? null,
    tokensPerMonth: toNumber(plan.tokensPerMonth),
    trialDays: plan.trialDays,
    graceDays: plan.graceDays,
    redirectLegacyModels: plan.redirectLegacyModels,
    isPublic: plan.isPublic,
  };
}

/** The state of a plan, for `If-Match`. */
export function etagOfPlan(plan: Plan): string {
  return etagOf(toAdminPlanView(plan));
}

export function toPlanPatch(body: PlanUpdateRequest): PlanPatch {
  const {
    reason: _reason,
    monthlyCredits,
    rolloverMax,
    rolloverMinCarry,
    tokensPerDay,
    tokensPerMonth,
    ...rest
  } = body;
  const given = {
    ...rest,
    monthlyCreditsUcr: monthlyCredits === undefined ? undefined : parseCredits(monthlyCredits),
    rolloverMaxUcr: rolloverMax === undefined ? undefined : parseCredits(rolloverMax),
    rolloverMinCarryUcr: rolloverMinCarry === undefined ? undefined : parseCredits(rolloverMinCarry),
    tokensPerDay: toBigInt(tokensPerDay),
    tokensPerMonth: toBigInt(tokensPerMonth),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export function toNumber(count: bigint | null | undefined): number | null {
  return count === null || count === undefined ? null : Number(count);
}

function toBigInt(count: number | null | undefined): bigint | null | undefined {
  return typeof count === 'number' ? BigInt(count) : count;
}
