import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsUUID,
  Max,
  Min,
} from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { type Tier, TIERS } from '../../common/domain/tiers.js';
import { etagOf } from '../../common/http/etag.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import type { FlagReason } from '../domain/feature-flag.js';
import type { KnownFlag } from './feature-flag-admin.service.js';

/** Testers and first users; for more there is the percentage. Every process holds them in memory. */
const USERS_MAX = 1_000;

/** As they are stored, so that the answer is what is read afterwards. */
function inLowerCase(ids: unknown): unknown {
  return Array.isArray(ids) ? ids.map((id: unknown) => (typeof id === 'string' ? id.toLowerCase() : id)) : ids;
}

export class UpdateFlagRequest extends ReasonRequest {
  @ApiPropertyOptional({ description: 'Off: for nobody, whatever else is said' })
  @IfSent()
  @IsBoolean()
  isEnabled?: boolean;

  @ApiPropertyOptional({ minimum: 0, maximum: 100, description: 'Of the users; a higher one keeps all it had' })
  @IfSent()
  @Max(100)
  @Min(0)
  @IsInt()
  percent?: number;

  @ApiPropertyOptional({ enum: TIERS, isArray: true })
  @IfSent()
  @IsArray()
  @ArrayUnique()
  @IsIn(TIERS, { each: true, message: `each value must be one of ${TIERS.join(', ')}` })
  tiers?: Tier[];

  @ApiPropertyOptional({ type: [String], format: 'uuid', maxItems: USERS_MAX })
  @IfSent()
  @IsArray()
  @ArrayUnique()
  @ArrayMaxSize(USERS_MAX)
  @IsUUID(undefined, { each: true })
  @Transform(({ value }: { value: unknown }) => inLowerCase(value))
  userIds?: string[];
}

export class FlagSubjectQuery {
  @ApiPropertyOptional({ format: 'uuid', description: 'Without it: somebody unknown' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ enum: TIERS })
  @IsOptional()
  @IsIn(TIERS)
  tier?: Tier;
}

export class FlagView {
  @ApiProperty({ example: 'store_requests' }) key!: string;
  @ApiProperty() description!: string;
  @ApiProperty({ description: 'Whether this version of the code asks for it; one that it does not can be deleted' })
  isDefined!: boolean;
  @ApiProperty({ description: 'Whether it was ever changed; else the default of the code holds' }) isStored!: boolean;
  @ApiProperty() isEnabled!: boolean;
  @ApiProperty({ minimum: 0, maximum: 100 }) percent!: number;
  @ApiProperty({ enum: TIERS, isArray: true }) tiers!: Tier[];
  @ApiProperty({ type: [String], format: 'uuid' }) userIds!: string[];
}

export class FlagList {
  @ApiProperty({ type: [FlagView], description: 'By key' }) data!: FlagView[];
}

export class FlagDecision {
  @ApiProperty() isOn!: boolean;
  @ApiProperty({ enum: ['disabled', 'user', 'tier', 'percent', 'nobody'], description: 'What decided it' })
  reason!: FlagReason;
}

export function toFlagView({ state, ...flag }: KnownFlag): FlagView {
  const { isEnabled, percent, tiers, userIds } = state;
  return { ...flag, isEnabled, percent, tiers: [...tiers], userIds: [...userIds] };
}

/** Of what a change may change: the first one makes the row, and changes nothing else. */
export function etagOfFlag(flag: KnownFlag): string {
  const { key, isEnabled, percent, tiers, userIds } = toFlagView(flag);
  return etagOf({ key, isEnabled, percent, tiers, userIds });
}
