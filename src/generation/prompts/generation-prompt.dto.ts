import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Length, Matches, Min } from 'class-validator';
import { etagOf } from '../../common/http/etag.js';
import { ReasonRequest } from '../../common/http/reason-request.js';
import { GENERATION_MODES, type GenerationMode } from '../domain/generation-modes.js';
import type { GenerationPrompt } from './generation-prompt.entity.js';

/** Some pages: it is sent, and paid for, with every run. */
const PROMPT_LENGTH_MAX = 8_000;

export class GenerationPromptsQuery {
  @ApiPropertyOptional({ enum: GENERATION_MODES })
  @IsOptional()
  @IsIn(GENERATION_MODES)
  mode?: GenerationMode;
}

export class PromptVersionParameters {
  @ApiProperty({ enum: GENERATION_MODES })
  @IsIn(GENERATION_MODES)
  mode!: GenerationMode;

  @ApiProperty({ minimum: 1 })
  @Type(() => Number)
  @Min(1)
  @IsInt()
  version!: number;
}

export class CreateGenerationPromptRequest extends ReasonRequest {
  @ApiProperty({
    maxLength: PROMPT_LENGTH_MAX,
    description: 'What the model is told of the style; the form of its answer is fixed',
  })
  @IsString()
  @Length(1, PROMPT_LENGTH_MAX)
  @Matches(/\S/, { message: 'must not be blank' })
  prompt!: string;
}

export class GenerationPromptView {
  @ApiProperty({ enum: GENERATION_MODES }) mode!: GenerationMode;
  @ApiProperty() version!: number;
  @ApiProperty() prompt!: string;
  @ApiProperty({ description: 'Whether runs take this version now' }) isActive!: boolean;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class GenerationPromptList {
  @ApiProperty({ type: [GenerationPromptView] }) data!: GenerationPromptView[];
}

export function toPromptView(row: GenerationPrompt): GenerationPromptView {
  const { mode, version, prompt, isActive, createdAt } = row;
  return { mode, version, prompt, isActive, createdAt: createdAt.toISOString() };
}

/** Of a mode: changes when another version is made or taken. */
export function etagOfMode(versions: readonly GenerationPrompt[]): string {
  return etagOf(versions.map(({ mode, version, isActive }) => [mode, version, isActive]));
}
