import { ApiExtraModels, ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { ANY_VALUE, SINGLE_VALUE } from '../common/http/api-schemas.js';
import { TIERS, type Tier } from '../common/domain/tiers.js';
import { CAPABILITIES, type Capability } from './domain/model-meta.js';
import { PARAMETER_TYPES, type ParameterType } from './domain/constrained-parameters.js';
import { VIOLATION_POLICIES, type ViolationPolicy } from './domain/parameter-constraint.js';
import { TIER_RESTRICTION_MODES, type TierRestrictionMode } from './domain/tier-access.js';

/** A parameter a model constrains, as an app's settings page draws it. */
export class ParameterDto {
  @ApiProperty() supported!: boolean;
  @ApiPropertyOptional({ enum: PARAMETER_TYPES }) type?: ParameterType | undefined;
  @ApiPropertyOptional({ type: Number }) min?: number | undefined;
  @ApiPropertyOptional({ type: Number }) max?: number | undefined;
  @ApiPropertyOptional({ type: Number }) exclusiveMin?: number | undefined;
  @ApiPropertyOptional({ type: Number }) exclusiveMax?: number | undefined;
  @ApiPropertyOptional(ANY_VALUE)
  default?: unknown;
  @ApiPropertyOptional({ type: 'array', items: SINGLE_VALUE }) allowedValues?:
    (string | number | boolean)[] | undefined;
  @ApiPropertyOptional({ type: Number }) maxItems?: number | undefined;
  @ApiPropertyOptional({ type: Number }) maxItemLength?: number | undefined;
  @ApiProperty({ type: [String] }) mutuallyExclusiveWith!: string[];
  @ApiProperty({ enum: VIOLATION_POLICIES }) onViolation!: ViolationPolicy;
  @ApiProperty({ type: String, nullable: true, description: 'The name the provider is sent instead' })
  sentAs!: string | null;
  @ApiPropertyOptional({ type: String }) reason?: string | undefined;
}

class RatesDto {
  @ApiProperty({ example: '2.000000' }) input!: string;
  @ApiProperty() cachedInput!: string;
  @ApiProperty() cacheWrite!: string;
  @ApiProperty() output!: string;
  @ApiProperty() image!: string;
}

class LongContextPriceDto extends RatesDto {
  @ApiProperty({ description: 'The price of the whole request when its input is above that many tokens' })
  aboveInputTokens!: number;
}

/** Credits per 1 000 tokens, by part, as decimal strings. */
export class PriceDto extends RatesDto {
  @ApiProperty({ example: 'credits per 1000 tokens' }) unit!: string;
  @ApiProperty({ type: LongContextPriceDto, nullable: true }) longContext!: LongContextPriceDto | null;
}

/** What is taken of images. */
export class ImageLimitsDto {
  @ApiProperty({ type: [String], example: ['image/png'] }) types!: string[];
  @ApiProperty({ type: [String] }) schemes!: string[];
  @ApiProperty() urlLengthMax!: number;
  @ApiProperty() imagesMax!: number;
  @ApiProperty() bytesMax!: number;
  @ApiProperty({ description: 'Pixels of each side' }) sideMin!: number;
  @ApiProperty() sideMax!: number;
  @ApiProperty({ description: 'Width times height' }) pixelsMax!: number;
  @ApiProperty({ description: 'The most tokens that one image counts' }) tokensMax!: number;
}

class ModelLimitsDto {
  @ApiProperty() contextLength!: number;
  @ApiProperty() maxOutputTokens!: number;
  @ApiProperty({ description: 'Of one request; 0 where the model sees none' }) imagesMax!: number;
  @ApiProperty({ type: ImageLimitsDto, nullable: true }) images!: ImageLimitsDto | null;
}

class ConditionDto {
  @ApiProperty() parameter!: string;
  @ApiProperty({ type: 'array', items: SINGLE_VALUE }) in!: (string | number | boolean)[];
}

class ParameterRuleDto {
  @ApiProperty({ type: [String] }) parameters!: string[];
  @ApiProperty({ type: ConditionDto }) unless!: ConditionDto;
  @ApiProperty({ type: String, nullable: true }) reason!: string | null;
}

/** A model in OpenAI's shape, and what an app needs to offer it. */
@ApiExtraModels(ParameterDto)
export class ModelDto {
  @ApiProperty({ example: 'gpt-5-mini' }) id!: string;
  @ApiProperty({ example: 'model' }) object!: 'model';
  @ApiProperty({ description: 'Unix seconds' }) created!: number;
  @ApiProperty({ example: 'openai' }) owned_by!: string;
  @ApiProperty() displayName!: string;
  @ApiProperty({ type: String, nullable: true }) description!: string | null;
  @ApiProperty({ type: String, nullable: true }) version!: string | null;
  @ApiProperty({ type: [String] }) aliases!: string[];
  @ApiProperty({ enum: CAPABILITIES, isArray: true }) capabilities!: Capability[];
  @ApiProperty({ type: ModelLimitsDto }) limits!: ModelLimitsDto;
  @ApiProperty({ type: PriceDto, nullable: true }) price!: PriceDto | null;
  @ApiProperty() available!: boolean;
  @ApiProperty({ type: String, nullable: true, description: 'The error code a call would get' })
  unavailableCode!: string | null;
  @ApiProperty({ type: String, nullable: true }) unavailableReason!: string | null;
  @ApiProperty({ description: 'Whether the caller’s plan may use it' }) tierAllowed!: boolean;
  @ApiProperty({ description: 'Whether a call of the caller’s would pass: available, and allowed by the plan' })
  usable!: boolean;
  @ApiProperty({ type: String, nullable: true, description: 'The error code that it would get' })
  unusableCode!: string | null;
  @ApiProperty({ type: String, nullable: true }) unusableReason!: string | null;
  @ApiProperty({ enum: TIERS }) requiredTier!: Tier;
  @ApiProperty({ enum: TIER_RESTRICTION_MODES }) tierRestrictionMode!: TierRestrictionMode;
  @ApiProperty({ enum: TIERS, isArray: true }) allowedTiers!: Tier[];
  @ApiProperty() isLegacy!: boolean;
  @ApiProperty({ type: String, nullable: true }) deprecationNotice!: string | null;
  @ApiProperty({ type: String, nullable: true, format: 'date' }) sunsetDate!: string | null;
  @ApiProperty({ type: String, nullable: true }) replacementModelId!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { $ref: '#/components/schemas/ParameterDto' } })
  parameters!: Record<string, ParameterDto>;
  @ApiProperty({ type: [ParameterRuleDto] }) parameterRules!: ParameterRuleDto[];
}

export class ModelListDto {
  @ApiProperty({ example: 'list' }) object!: 'list';
  @ApiProperty({ type: [ModelDto] }) data!: ModelDto[];
}

/** Filters of `GET /v1/models`. */
export class ModelQueryDto {
  @ApiPropertyOptional({ enum: CAPABILITIES })
  @IsOptional()
  @IsIn(CAPABILITIES)
  capability?: Capability;

  @ApiPropertyOptional({ enum: TIERS, description: 'Only models that this tier may use' })
  @IsOptional()
  @IsIn(TIERS)
  tier?: Tier;

  @ApiPropertyOptional()
  @IsOptional()
  @MaxLength(100)
  @IsString()
  provider?: string;

  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Legacy models too; default false' })
  @IsOptional()
  @IsIn(['true', 'false'])
  includeLegacy?: 'true' | 'false';
}
