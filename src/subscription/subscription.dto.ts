import { ApiProperty } from '@nestjs/swagger';
import { formatCredits } from '../common/domain/micro-credits.js';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import type { Plan } from './plan.entity.js';
import { SUBSCRIPTION_STATUSES, type SubscriptionStatus } from './domain/transitions.js';
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

function toNumber(count: bigint | null | undefined): number | null {
  return count === null || count === undefined ? null : Number(count);
}
