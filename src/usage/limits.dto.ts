import { ApiProperty } from '@nestjs/swagger';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import type { CreditBalance } from '../credits/credits.service.js';
import { LIMIT_NAMES, type LimitName } from '../credits/domain/request-limits.js';
import { type LimitState, secondsUntil } from './domain/limit-state.js';

const CREDITS = { example: '12.500000' } as const;

/** One limit of the plan. */
export class LimitView {
  @ApiProperty({ enum: LIMIT_NAMES, description: 'As `details.limitName` of a 429 has it' })
  name!: LimitName;

  @ApiProperty({ type: Number, nullable: true, description: 'Null: the plan has no such limit' })
  limit!: number | null;

  @ApiProperty({ description: 'Of tokens: what requests under way can use at most, and what ended ones used' })
  used!: number;

  @ApiProperty({ type: Number, nullable: true })
  remaining!: number | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null: counted at this moment' })
  resetAt!: string | null;

  @ApiProperty({ type: Number, nullable: true })
  resetInSeconds!: number | null;
}

/** What bounds spending: a request is refused where `available` does not cover the most that it can cost. */
export class LimitCreditsView {
  @ApiProperty(CREDITS)
  available!: string;

  @ApiProperty({ ...CREDITS, description: 'Reserved by requests under way; what they do not use comes back' })
  held!: string;

  @ApiProperty({ ...CREDITS, description: 'Repaid first by the next grant; until then only free models answer' })
  debt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  nextGrantAt!: string | null;
}

export class LimitsView {
  @ApiProperty({ enum: TIERS })
  tier!: Tier;

  @ApiProperty({ type: [LimitView] })
  limits!: LimitView[];

  @ApiProperty({ type: LimitCreditsView })
  credits!: LimitCreditsView;
}

export function toLimitsView(tier: Tier, states: readonly LimitState[], balance: CreditBalance, now: Date): LimitsView {
  return {
    tier,
    limits: states.map(({ name, limit, used, remaining, window }) => ({
      name,
      limit: limit === null ? null : Number(limit),
      used: Number(used),
      remaining: remaining === null ? null : Number(remaining),
      resetAt: window?.resetAt.toISOString() ?? null,
      resetInSeconds: window ? secondsUntil(window.resetAt, now) : null,
    })),
    credits: {
      available: formatCredits(balance.availableUcr),
      held: formatCredits(balance.heldUcr),
      debt: formatCredits(balance.debtUcr),
      nextGrantAt: balance.nextGrantAt?.toISOString() ?? null,
    },
  };
}
