import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { IfSent } from '../common/http/if-sent.js';
import { IsTime } from '../common/http/is-time.js';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { PageQuery } from '../common/http/paging.js';
import { ReasonRequest } from '../common/http/reason-request.js';
import {
  CHANGE_TIMES,
  type ChangeTime,
  nextTier,
  SUBSCRIPTION_STATUSES,
  type SubscriptionStatus,
} from './domain/transitions.js';
import type { SubscriptionEvent } from './subscription.entity.js';
import type { LiveSubscription } from './subscription.repository.js';

/** A quarter of a year: who has not paid by then will not. */
const GRACE_DAYS_MAX = 90;

export class StartPlanRequest extends ReasonRequest {
  @ApiProperty({ format: 'uuid' })
  @IsUUID()
  userId!: string;

  @ApiProperty({ enum: TIERS })
  @IsIn(TIERS)
  tier!: Tier;

  @ApiPropertyOptional({ default: false, description: 'Begin with the trial that the plan offers' })
  @IsOptional()
  @IsBoolean()
  trial: boolean = false;
}

export class ChangeTierRequest extends ReasonRequest {
  @ApiProperty({ enum: TIERS })
  @IsIn(TIERS)
  tier!: Tier;

  @ApiPropertyOptional({ enum: CHANGE_TIMES, description: 'Without it: upwards now, downwards with the next period' })
  @IsOptional()
  @IsIn(CHANGE_TIMES)
  when?: ChangeTime;
}

export class EndRequest extends ReasonRequest {
  @ApiPropertyOptional({ enum: CHANGE_TIMES, default: 'period_end' })
  @IsOptional()
  @IsIn(CHANGE_TIMES)
  when: ChangeTime = 'period_end';
}

export class PastDueRequest extends ReasonRequest {
  @ApiPropertyOptional({
    minimum: 0,
    maximum: GRACE_DAYS_MAX,
    description: 'Days of grace, 0 to end the plan now; the plan’s own without it, needed where it has none',
  })
  @IfSent()
  @IsInt()
  @Min(0)
  @Max(GRACE_DAYS_MAX)
  days?: number;
}

export class ExtendRequest extends ReasonRequest {
  @ApiProperty({
    format: 'date-time',
    description: 'The new end of the trial or of the grace, later than the present one',
  })
  @IsTime()
  until!: string;
}

export class SubscriptionPageQuery extends PageQuery {
  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ enum: TIERS })
  @IsOptional()
  @IsIn(TIERS)
  tier?: Tier;

  @ApiPropertyOptional({ enum: SUBSCRIPTION_STATUSES })
  @IsOptional()
  @IsIn(SUBSCRIPTION_STATUSES)
  status?: SubscriptionStatus;
}

export class AdminSubscriptionView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'uuid' })
  userId!: string;

  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  @ApiProperty({ enum: SUBSCRIPTION_STATUSES })
  status!: SubscriptionStatus;

  @ApiProperty({ format: 'date-time', description: 'Periods are counted from here' })
  billingAnchorAt!: string;

  @ApiProperty()
  periodIndex!: number;

  @ApiProperty({ format: 'date-time' })
  currentPeriodStart!: string;

  @ApiProperty({ format: 'date-time' })
  currentPeriodEnd!: string;

  @ApiProperty()
  cancelAtPeriodEnd!: boolean;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  trialEndsAt!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  graceEndsAt!: string | null;

  @ApiProperty({ enum: TIERS, nullable: true })
  nextTier!: Tier | null;

  @ApiProperty({ description: 'Counts the changes' })
  version!: number;
}

export class SubscriptionPageView {
  @ApiProperty({ type: [AdminSubscriptionView] })
  data!: AdminSubscriptionView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export class SubscriptionEventView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty()
  reason!: string;

  @ApiProperty({ type: String, format: 'uuid', nullable: true, description: 'Null where time did it' })
  actorId!: string | null;

  @ApiProperty({ enum: TIERS, nullable: true })
  fromTier!: Tier | null;

  @ApiProperty({ enum: TIERS, nullable: true })
  toTier!: Tier | null;

  @ApiProperty({ enum: SUBSCRIPTION_STATUSES, nullable: true })
  fromStatus!: SubscriptionStatus | null;

  @ApiProperty({ enum: SUBSCRIPTION_STATUSES, nullable: true })
  toStatus!: SubscriptionStatus | null;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'What was set' })
  payload!: Record<string, unknown>;
}

export class SubscriptionEventPageView {
  @ApiProperty({ type: [SubscriptionEventView] })
  data!: SubscriptionEventView[];

  @ApiProperty({ type: String, nullable: true })
  nextCursor!: string | null;
}

export function toAdminSubscriptionView(subscription: LiveSubscription): AdminSubscriptionView {
  const { id, userId, tier, status, periodIndex, cancelAtPeriodEnd, version } = subscription;
  return {
    id,
    userId,
    tier,
    status,
    billingAnchorAt: subscription.billingAnchorAt.toISOString(),
    periodIndex,
    currentPeriodStart: subscription.currentPeriodStart.toISOString(),
    currentPeriodEnd: subscription.currentPeriodEnd.toISOString(),
    cancelAtPeriodEnd,
    trialEndsAt: subscription.trialEndsAt?.toISOString() ?? null,
    graceEndsAt: subscription.graceEndsAt?.toISOString() ?? null,
    nextTier: nextTier(subscription),
    version,
  };
}

export function toSubscriptionEventView(event: SubscriptionEvent): SubscriptionEventView {
  return {
    id: event.id,
    createdAt: event.createdAt.toISOString(),
    reason: event.reason,
    actorId: event.actorId ?? null,
    fromTier: event.fromTier ?? null,
    toTier: event.toTier ?? null,
    fromStatus: event.fromStatus ?? null,
    toStatus: event.toStatus ?? null,
    payload: event.payload,
  };
}
