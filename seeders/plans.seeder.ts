import type { EntityManager } from '@mikro-orm/postgresql';
import { UCR_PER_CREDIT } from '../src/common/domain/micro-credits.js';
import { tierRank, type Tier } from '../src/common/domain/tiers.js';

interface PlanFigures {
  tier: Tier;
  displayName: string;
  monthlyCredits: bigint;
  rolloverPercent: number;
  rolloverMaxCredits: bigint;
  requestsPerMinute: number;
  concurrentRequests: number;
}

export const PLANS: readonly PlanFigures[] = [
  {
    tier: 'free',
    displayName: 'Free',
    monthlyCredits: 100n,
    rolloverPercent: 0,
    rolloverMaxCredits: 0n,
    requestsPerMinute: 10,
    concurrentRequests: 2,
  },
  {
    tier: 'pro',
    displayName: 'Pro',
    monthlyCredits: 2_000n,
    rolloverPercent: 50,
    rolloverMaxCredits: 1_000n,
    requestsPerMinute: 60,
    concurrentRequests: 8,
  },
  {
    tier: 'pro_max',
    displayName: 'Pro Max',
    monthlyCredits: 10_000n,
    rolloverPercent: 50,
    rolloverMaxCredits: 5_000n,
    requestsPerMinute: 300,
    concurrentRequests: 32,
  },
  {
    tier: 'enterprise',
    displayName: 'Enterprise',
    monthlyCredits: 100_000n,
    rolloverPercent: 100,
    rolloverMaxCredits: 100_000n,
    requestsPerMinute: 3_000,
    concurrentRequests: 256,
  },
];

const ROLLOVER_MIN_CARRY_UCR = UCR_PER_CREDIT;

/** Brings the four plans into the database. Safe to repeat: a plan that is there keeps every figure that an operator may have changed. */
export async function seedPlans(em: EntityManager, options: { now: Date }): Promise<void> {
  const { now } = options;
  for (const plan of PLANS) {
    await em.execute(
      `insert into plans (tier, rank, display_name, monthly_credits_ucr, rollover_percent, rollover_max_ucr, rollover_min_carry_ucr,
         rollover_periods, concurrent_requests, requests_per_minute, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)
       on conflict (tier) do update set rank = excluded.rank where plans.rank <> excluded.rank`,
      [
        plan.tier,
        tierRank(plan.tier),
        plan.displayName,
        plan.monthlyCredits * UCR_PER_CREDIT,
        plan.rolloverPercent,
        plan.rolloverMaxCredits * UCR_PER_CREDIT,
        ROLLOVER_MIN_CARRY_UCR,
        plan.concurrentRequests,
        plan.requestsPerMinute,
        now,
        now,
      ],
    );
  }
}
