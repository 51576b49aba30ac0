import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsObject, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { etagOf } from '../../common/http/etag.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import type { AnalysisKind } from './analysis-kind.entity.js';

/** A prompt is sent with every text, and paid for by whoever sends it. */
const PROMPT_LENGTH_MAX = 10_000;
const MODEL_ID_LENGTH_MAX = 100;
/** A month: what is older, its user would rather have anew. */
const CACHE_SECONDS_MAX = 2_592_000;
/** As many analyses as one process has under way at once. */
const BATCH_SIZE_MAX = 16;

export class KindRequest extends ReasonRequest {
  @ApiProperty({ maxLength: PROMPT_LENGTH_MAX, description: 'What the model is asked to do with the text' })
  @IsString()
  @Length(1, PROMPT_LENGTH_MAX)
  prompt!: string;

  @ApiProperty({ type: 'object', additionalProperties: true, description: 'The JSON schema of the result, an object' })
  @IsObject()
  outputSchema!: Record<string, unknown>;

  @ApiProperty({ example: 'gpt-5-nano', description: 'Which model is asked where the request names none' })
  @IsString()
  @Length(1, MODEL_ID_LENGTH_MAX)
  modelId!: string;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description:
      'What answers, free of charge, while no model can: { strategy: "sentiment", positive, negative, themes }, { strategy: "leading_sentences", sentences }, ' +
      '{ strategy: "keywords", labels, otherwise } or { strategy: "none" }. What it answers has to fit outputSchema.',
  })
  @IsObject()
  fallback!: Record<string, unknown>;

  @ApiPropertyOptional({ default: true, description: 'Whether new analyses of this kind are taken' })
  @IsOptional()
  @IsBoolean()
  isActive?: boolean;

  @ApiPropertyOptional({
    minimum: 0,
    maximum: CACHE_SECONDS_MAX,
    default: 0,
    description:
      'How long a model’s answer is given again, free of charge, to the same text of the same user; 0: never',
  })
  @IsOptional()
  @Max(CACHE_SECONDS_MAX)
  @Min(0)
  @IsInt()
  cacheSeconds?: number;

  @ApiPropertyOptional({
    minimum: 1,
    maximum: BATCH_SIZE_MAX,
    default: 1,
    description:
      'How many small analyses of one user are asked for in one call at most, each charged its share; 1: none',
  })
  @IsOptional()
  @Max(BATCH_SIZE_MAX)
  @Min(1)
  @IsInt()
  batchSize?: number;
}

export class KindView {
  @ApiProperty() kind!: string;
  @ApiProperty() version!: number;
  @ApiProperty() prompt!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) outputSchema!: Record<string, unknown>;
  @ApiProperty() modelId!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) fallback!: Record<string, unknown>;
  @ApiProperty() isActive!: boolean;
  @ApiProperty() cacheSeconds!: number;
  @ApiProperty() batchSize!: number;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class KindsView {
  @ApiProperty({ type: [KindView] }) data!: KindView[];
}

export function toKindView(made: AnalysisKind): KindView {
  const { kind, version, prompt, outputSchema, modelId, fallback, isActive, cacheSeconds, batchSize } = made;
  return {
    kind,
    version,
    prompt,
    outputSchema,
    modelId,
    fallback,
    isActive,
    cacheSeconds,
    batchSize,
    createdAt: made.createdAt.toISOString(),
  };
}

/** Every change makes a version. */
export function etagOfKind({ kind, version }: Pick<AnalysisKind, 'kind' | 'version'>): string {
  return etagOf({ kind, version });
}
