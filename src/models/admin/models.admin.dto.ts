import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsArray, IsIn, IsNumber, IsObject, IsOptional, IsString, MaxLength, Min } from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { TIERS, type Tier } from '../../common/domain/tiers.js';
import { PageQuery } from '../../common/http/paging.js';
import { LIFECYCLES, type Lifecycle } from '../domain/lifecycle.js';
import { CAPABILITIES, type Capability, type ModelMeta } from '../domain/model-meta.js';
import { TIER_RESTRICTION_MODES, type TierRestrictionMode } from '../domain/tier-access.js';
import { MODEL_SORTS, type ModelSort } from '../model-page-query.js';
import { ModelChangeRequest } from './admin-route.js';
import { META_EXAMPLE } from './model-examples.js';

const ID_LENGTH_MAX = 100;
const NAME_LENGTH_MAX = 255;

/** Filters of `GET /admin/models`. */
export class AdminModelQueryDto extends PageQuery {
  @ApiPropertyOptional()
  @IsOptional()
  @MaxLength(ID_LENGTH_MAX)
  @IsString()
  provider?: string;

  @ApiPropertyOptional({ enum: TIERS, description: 'Models that name this tier as the required one' })
  @IsOptional()
  @IsIn(TIERS)
  tier?: Tier;

  @ApiPropertyOptional({ enum: CAPABILITIES })
  @IsOptional()
  @IsIn(CAPABILITIES)
  capability?: Capability;

  @ApiPropertyOptional({ enum: LIFECYCLES })
  @IsOptional()
  @IsIn(LIFECYCLES)
  lifecycle?: Lifecycle;

  @ApiPropertyOptional({ description: 'Credits per 1 000 input tokens, at least' })
  @IsOptional()
  @Type(() => Number)
  @Min(0)
  @IsNumber()
  priceMin?: number;

  @ApiPropertyOptional({ description: 'Credits per 1 000 input tokens, at most' })
  @IsOptional()
  @Type(() => Number)
  @Min(0)
  @IsNumber()
  priceMax?: number;

  @ApiPropertyOptional({ enum: MODEL_SORTS, default: 'id', description: 'Models without a price come last' })
  @IsOptional()
  @IsIn(MODEL_SORTS)
  sort?: ModelSort;
}

export class AdminModelDto {
  @ApiProperty() id!: string;
  @ApiProperty({ description: 'What is sent to the provider' }) name!: string;
  @ApiProperty() provider!: string;
  @ApiProperty({ enum: LIFECYCLES }) lifecycle!: Lifecycle;
  @ApiProperty() isAvailable!: boolean;
  @ApiProperty() isLegacy!: boolean;
  @ApiProperty() isArchived!: boolean;
  @ApiProperty({ type: 'object', additionalProperties: true }) meta!: ModelMeta;
  @ApiProperty({ description: 'The number of the current version' }) version!: number;
  @ApiProperty({ description: 'What a change sends as If-Match' }) etag!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class AdminModelPageDto {
  @ApiProperty({ type: [AdminModelDto] }) data!: AdminModelDto[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class CreateModelRequest extends ModelChangeRequest {
  @ApiProperty({ description: 'What clients send', example: 'gpt-5-mini' })
  @IsString()
  @MaxLength(ID_LENGTH_MAX)
  id!: string;

  @ApiProperty({ description: 'What the provider is sent', example: 'gpt-5-mini' })
  @IsString()
  @MaxLength(NAME_LENGTH_MAX)
  name!: string;

  @ApiProperty({ example: 'openai' })
  @IsString()
  @MaxLength(ID_LENGTH_MAX)
  provider!: string;

  @ApiProperty({ type: 'object', additionalProperties: true, example: META_EXAMPLE })
  @IsObject()
  meta!: Record<string, unknown>;

  @ApiPropertyOptional({ enum: ['available', 'unavailable'], default: 'available' })
  @IsOptional()
  @IsIn(['available', 'unavailable'])
  lifecycle?: 'available' | 'unavailable';
}

export class UpdateModelRequest extends ModelChangeRequest {
  @ApiPropertyOptional()
  @IfSent()
  @IsString()
  @MaxLength(NAME_LENGTH_MAX)
  name?: string;

  @ApiPropertyOptional()
  @IfSent()
  @IsString()
  @MaxLength(ID_LENGTH_MAX)
  provider?: string;
}

export class MetaRequest extends ModelChangeRequest {
  @ApiProperty({ type: 'object', additionalProperties: true, example: META_EXAMPLE })
  @IsObject()
  meta!: Record<string, unknown>;
}

export class MetaDto {
  @ApiProperty({ type: 'object', additionalProperties: true }) meta!: ModelMeta;
  @ApiProperty() version!: number;
}

export class TierRuleDto {
  @ApiProperty({ enum: TIERS }) requiredTier!: Tier;
  @ApiProperty({ enum: TIER_RESTRICTION_MODES }) tierRestrictionMode!: TierRestrictionMode;
  @ApiProperty({ enum: TIERS, isArray: true }) allowedTiers!: readonly Tier[];
  @ApiProperty({ enum: TIERS, isArray: true, description: 'Every tier that may use the model' }) admits!: Tier[];
}

export class TierRuleRequest extends ModelChangeRequest {
  @ApiPropertyOptional({ enum: TIERS, nullable: true, description: 'null or left out: for everyone' })
  @IsOptional()
  @IsIn(TIERS)
  requiredTier?: Tier | null;

  @ApiPropertyOptional({ enum: TIER_RESTRICTION_MODES, default: 'minimum' })
  @IsOptional()
  @IsIn(TIER_RESTRICTION_MODES)
  tierRestrictionMode?: TierRestrictionMode;

  @ApiPropertyOptional({ enum: TIERS, isArray: true, description: 'Only for whitelist' })
  @IsOptional()
  @IsArray()
  @IsIn(TIERS, { each: true })
  allowedTiers?: Tier[];
}
