import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, IsUUID, Length, Matches, MaxLength } from 'class-validator';
import { IfSent } from '../common/http/if-sent.js';
import { formatCredits } from '../common/domain/micro-credits.js';
import { IsTime } from '../common/http/is-time.js';
import type { CreditBalance } from './credits.service.js';
import { GRANT_SOURCES, type Grant, type GrantSource } from './grant.entity.js';
import { CREDITS, REASON_LENGTH_MAX } from './posting.dto.js';

/** One grant as its owner sees it. */
export class GrantView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ enum: GRANT_SOURCES })
  source!: GrantSource;

  @ApiProperty(CREDITS)
  total!: string;

  @ApiProperty(CREDITS)
  used!: string;

  @ApiProperty({ ...CREDITS, description: 'What is left, held credits included' })
  remaining!: string;

  @ApiProperty({ ...CREDITS, description: 'Reserved by requests under way' })
  held!: string;

  @ApiProperty({ format: 'date-time' })
  effectiveAt!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  expiresAt!: string | null;
}

export class EndingView {
  @ApiProperty({ format: 'uuid' })
  grantId!: string;

  @ApiProperty({ ...CREDITS, description: 'What is lost then; of an allowance what its period will not carry over' })
  amount!: string;

  @ApiProperty({ format: 'date-time' })
  expiresAt!: string;
}

export class CreditsView {
  @ApiProperty({ ...CREDITS, description: 'What can be spent now: balance − held − debt' })
  available!: string;

  @ApiProperty(CREDITS)
  held!: string;

  @ApiProperty(CREDITS)
  debt!: string;

  @ApiProperty(CREDITS)
  balance!: string;

  @ApiProperty({ type: [GrantView], description: 'In the order in which they are used' })
  grants!: GrantView[];

  @ApiProperty({ type: [EndingView], description: 'What will be lost within 7 days unless it is used' })
  expiring!: EndingView[];

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the next credits come' })
  nextGrantAt!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When they end at the pace of the last 7 days',
  })
  exhaustionAt!: string | null;
}

export class AdminGrantRequest {
  @ApiProperty({ format: 'uuid' })
  @IsUUID()
  userId!: string;

  @ApiProperty({ ...CREDITS, description: 'More than 0, at most 1000000 credits, at most 6 digits after the point' })
  @IsString()
  @Matches(/^\d{1,7}(\.\d{1,6})?$/, {
    message: 'must be a decimal string with at most 6 digits after the point, e.g. "12.5"',
  })
  amount!: string;

  @ApiPropertyOptional({ enum: ['promo', 'purchase', 'adjustment'], default: 'adjustment' })
  @IfSent()
  @IsIn(['promo', 'purchase', 'adjustment'])
  source: 'promo' | 'purchase' | 'adjustment' = 'adjustment';

  @ApiPropertyOptional({
    example: 'pay_8Fj2',
    description: 'Only for purchases: the same payment never gives twice, whatever the key',
  })
  @IfSent()
  @Matches(/^[\x21-\x7e]{1,200}$/, { message: 'must be 1 to 200 printable ASCII characters without spaces' })
  @IsString()
  paymentId?: string;

  @ApiPropertyOptional({ maxLength: REASON_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @MaxLength(REASON_LENGTH_MAX)
  reason?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'In the future; without it the grant never expires' })
  @IfSent()
  @IsTime()
  expiresAt?: string;

  @ApiPropertyOptional({ description: 'For clients that cannot send the header Idempotency-Key' })
  @IfSent()
  @IsString()
  @Length(1, 255)
  idempotencyKey?: string;
}

export function toGrantView(grant: Grant): GrantView {
  return {
    id: grant.id,
    source: grant.source,
    total: formatCredits(grant.totalUcr),
    used: formatCredits(grant.usedUcr),
    remaining: formatCredits(grant.remainingUcr ?? 0n),
    held: formatCredits(grant.heldUcr),
    effectiveAt: grant.effectiveAt.toISOString(),
    expiresAt: grant.expiresAt?.toISOString() ?? null,
  };
}

export function toCreditsView(balance: CreditBalance): CreditsView {
  return {
    available: formatCredits(balance.availableUcr),
    held: formatCredits(balance.heldUcr),
    debt: formatCredits(balance.debtUcr),
    balance: formatCredits(balance.balanceUcr),
    grants: balance.grants.map(toGrantView),
    expiring: balance.expiring.map(({ grantId, amountUcr, expiresAt }) => ({
      grantId,
      amount: formatCredits(amountUcr),
      expiresAt: expiresAt.toISOString(),
    })),
    nextGrantAt: balance.nextGrantAt?.toISOString() ?? null,
    exhaustionAt: balance.exhaustionAt?.toISOString() ?? null,
  };
}
