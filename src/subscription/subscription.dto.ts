import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { formatCredits } from '../common/domain/micro-credits.js';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import type { ChangePreview } from './plan-change.service.js';
import { toNumber } from './plan.dto.js';
import type { Plan } from './plan.entity.js';
import {
  CHANGE_TIMES,
  type ChangeTime,
  nextTier,
  SUBSCRIPTION_STATUSES,
  type SubscriptionStatus,
} from './domain/transitions.js';
import type { CurrentSubscription } from './subscription.service.js';

/** What the plan gives and allows; a limit that is null does not apply. */
export class PlanView {
  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  @ApiProperty()
  displayName!: string;

  @ApiProperty({ example: '2000.000000', description: 'Credits per period, as a decimal string' })
  monthlyCredits!: string;

  @ApiProperty({ description: 'How much of what is left is carried into the next period' })
  rolloverPercent!: number;

  @ApiProperty({ example: '1000.000000' })
  rolloverMax!: string;

  @ApiProperty()
  concurrentRequests!: number;

  @ApiProperty()
  requestsPerMinute!: number;

  @ApiProperty({ type: Number, nullable: true })
  tokensPerMinute!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  requestsPerDay!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  tokensPerDay!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  requestsPerMonth!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  tokensPerMonth!: number | null;
}

export class SubscriptionView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  @ApiProperty({ enum: SUBSCRIPTION_STATUSES })
  status!: SubscriptionStatus;

  @ApiProperty({ format: 'date-time' })
  currentPeriodStart!: string;

  @ApiProperty({ format: 'date-time', description: 'Exclusive' })
  currentPeriodEnd!: string;

  @ApiProperty()
  cancelAtPeriodEnd!: boolean;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Until then it is a trial' })
  trialEndsAt!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Past due: it ends then unless it is paid',
  })
  graceEndsAt!: string | null;

  @ApiProperty({
    enum: TIERS,
    nullable: true,
    description: 'The plan from the next period on, where that will be another',
  })
  nextTier!: Tier | null;

  @ApiProperty({ type: PlanView })
  plan!: PlanView;
}

export function toSubscriptionView(subscription: CurrentSubscription, plan: Plan): SubscriptionView {
  return {
    id: subscription.id,
    tier: subscription.tier,
    status: subscription.status,
    currentPeriodStart: subscription.currentPeriodStart.toISOString(),
    currentPeriodEnd: subscription.currentPeriodEnd.toISOString(),
    cancelAtPeriodEnd: subscription.cancelAtPeriodEnd,
    trialEndsAt: subscription.trialEndsAt?.toISOString() ?? null,
    graceEndsAt: subscription.graceEndsAt?.toISOString() ?? null,
    nextTier: nextTier(subscription),
    plan: {
      tier: plan.tier,
      displayName: plan.displayName,
      monthlyCredits: formatCredits(plan.monthlyCreditsUcr),
      rolloverPercent: plan.rolloverPercent,
      rolloverMax: formatCredits(plan.rolloverMaxUcr),
      concurrentRequests: plan.concurrentRequests,
      requestsPerMinute: plan.requestsPerMinute,
      tokensPerMinute: plan.tokensPerMinute ?? null,
      requestsPerDay: plan.requestsPerDay ?? null,
      tokensPerDay: toNumber(plan.tokensPerDay),
      requestsPerMonth: plan.requestsPerMonth ?? null,
      tokensPerMonth: toNumber(plan.tokensPerMonth),
    },
  };
}

export class PreviewRequest {
  @ApiProperty({ enum: TIERS, description: 'The plan to change to' })
  @IsIn(TIERS)
  tier!: Tier;

  @ApiPropertyOptional({ enum: CHANGE_TIMES, description: 'Without it: upwards now, downwards with the next period' })
  @IsOptional()
  @IsIn(CHANGE_TIMES)
  when?: ChangeTime;
}

/** What a change of plan would do, if nothing were used until the period ends. */
export class ChangePreviewView {
  @ApiProperty({ enum: TIERS })
  fromTier!: Tier;

  @ApiProperty({ enum: TIERS })
  toTier!: Tier;

  @ApiProperty({ format: 'date-time' })
  effectiveAt!: string;

  @ApiProperty({ example: '950.000000', description: 'Credits that come when it takes effect; negative: that go' })
  credits!: string;

  @ApiProperty({ format: 'date-time' })
  periodEndsAt!: string;

  @ApiProperty({ example: '1000.000000', description: 'What would be carried into the next period' })
  carried!: string;

  @ApiProperty({ example: '300.000000', description: 'What would be forfeited when the period ends' })
  forfeited!: string;

  @ApiProperty({ example: '2000.000000', description: 'Of the plan that follows: the free one after a trial' })
  nextAllowance!: string;
}

export function toChangePreviewView(preview: ChangePreview): ChangePreviewView {
  return {
    fromTier: preview.fromTier,
    toTier: preview.toTier,
    effectiveAt: preview.effectiveAt.toISOString(),
    credits: formatCredits(preview.creditsUcr),
    periodEndsAt: preview.periodEndsAt.toISOString(),
    carried: formatCredits(preview.carriedUcr),
    forfeited: formatCredits(preview.forfeitedUcr),
    nextAllowance: formatCredits(preview.nextAllowanceUcr),
  };
}
