import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsObject } from 'class-validator';
import { GENERATION_MODES, type GenerationMode, MODELS_MAX } from '../domain/generation-modes.js';
import { ModelIds } from '../model-ids.js';

export class GenerationPreferencesBody {
  @ApiProperty({ type: [String], maxItems: MODELS_MAX, description: 'The models of a run that names none' })
  @ModelIds()
  preferredModels!: string[];

  @ApiProperty({ enum: GENERATION_MODES })
  @IsIn(GENERATION_MODES)
  mode!: GenerationMode;

  @ApiProperty()
  @IsBoolean()
  deepThinking!: boolean;

  @ApiProperty({ description: 'Whether a new project with a description starts a run' })
  @IsBoolean()
  autoGenerateOnCreate!: boolean;

  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'number', minimum: 0, maximum: 10 },
    example: { 'gpt-5-mini': 2 },
    description: 'How much a model’s suggestions count in their score; 1 for one that is not named',
  })
  @IsObject()
  modelWeights!: Record<string, number>;
}
