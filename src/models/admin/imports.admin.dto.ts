import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { LIFECYCLES, type Lifecycle } from '../domain/lifecycle.js';
import { ModelChangeRequest } from './admin-route.js';
import { META_EXAMPLE } from './model-examples.js';
import { DocumentChangeDto } from './versions.admin.dto.js';

/** What one transaction writes within its time limit, many times the size of any catalogue known. */
export const IMPORT_MODELS_MAX = 1_000;
const CREDITS_PER_USD_MAX = 1_000_000;

export class ModelDocumentEntry {
  @ApiProperty({ example: 'example-mini' })
  @IsString()
  @MaxLength(100)
  id!: string;

  @ApiProperty({ example: 'example-mini-2026-01' })
  @IsString()
  @MaxLength(255)
  name!: string;

  @ApiProperty({ example: 'openai' })
  @IsString()
  @MaxLength(100)
  provider!: string;

  @ApiPropertyOptional({ enum: LIFECYCLES, description: 'Left out: as it is; a new model is available' })
  @IsOptional()
  @IsIn(LIFECYCLES)
  lifecycle?: Lifecycle;

  @ApiProperty({ type: 'object', additionalProperties: true, example: META_EXAMPLE })
  @IsObject()
  meta!: Record<string, unknown>;
}

export class ModelDocumentDto {
  @ApiProperty({ type: [ModelDocumentEntry] }) models!: ModelDocumentEntry[];
}

export class ImportRequest extends ModelChangeRequest {
  @ApiProperty({ type: [ModelDocumentEntry], maxItems: IMPORT_MODELS_MAX })
  @IsArray()
  @ArrayMaxSize(IMPORT_MODELS_MAX)
  @ValidateNested({ each: true })
  @Type(() => ModelDocumentEntry)
  models!: ModelDocumentEntry[];
}

export class DryRunQuery {
  @ApiPropertyOptional({ enum: ['true', 'false'], default: 'true', description: 'false: write it' })
  @IsOptional()
  @IsIn(['true', 'false'])
  dryRun: 'true' | 'false' = 'true';
}

class FaultDto {
  @ApiProperty() field!: string;
  @ApiProperty() message!: string;
}

class PlannedChangeDto {
  @ApiProperty() id!: string;
  @ApiProperty({ enum: ['create', 'update', 'unchanged', 'refused'] }) action!: string;
  @ApiProperty({ type: [DocumentChangeDto] }) changes!: DocumentChangeDto[];
  @ApiProperty({ type: [FaultDto], description: 'Field and rule of every fault' }) errors!: FaultDto[];
}

class ImportSummaryDto {
  @ApiProperty() create!: number;
  @ApiProperty() update!: number;
  @ApiProperty() unchanged!: number;
  @ApiProperty() refused!: number;
}

export class ImportResultDto {
  @ApiProperty({ description: 'Whether nothing was written' }) dryRun!: boolean;
  @ApiProperty({ type: ImportSummaryDto }) summary!: ImportSummaryDto;
  @ApiProperty({ type: [PlannedChangeDto] }) changes!: PlannedChangeDto[];
}

export class LiteLlmRequest extends ModelChangeRequest {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'The file model_prices_and_context_window.json, or a part of it',
    example: {
      'example-mini': {
        litellm_provider: 'openai',
        mode: 'chat',
        max_input_tokens: 128_000,
        max_output_tokens: 16_384,
        input_cost_per_token: 2.5e-7,
        output_cost_per_token: 0.000002,
        supports_vision: true,
      },
    },
  })
  @IsObject()
  prices!: Record<string, unknown>;

  @ApiPropertyOptional({ type: [String], description: 'Only these entries; all of them without it' })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(IMPORT_MODELS_MAX)
  @IsString({ each: true })
  ids?: string[];

  @ApiProperty({ description: 'How many credits a new model charges for each USD that it costs', example: 200 })
  @IsNumber()
  @Min(0)
  @Max(CREDITS_PER_USD_MAX)
  creditsPerUsd!: number;
}

class SkippedEntryDto {
  @ApiProperty() id!: string;
  @ApiProperty() reason!: string;
}

export class LiteLlmResultDto extends ImportResultDto {
  @ApiProperty({ type: [SkippedEntryDto], description: 'Entries that are no model of this catalogue, and why' })
  skipped!: SkippedEntryDto[];
}
