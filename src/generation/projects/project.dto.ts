import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMinSize,
  IsBoolean,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  ValidateNested,
} from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { BooleanText } from '../../common/http/boolean-text.js';
import { PageQuery } from '../../common/http/paging.js';
import { GENERATION_MODES, type GenerationMode, MODEL_ID_LENGTH_MAX, MODELS_MAX } from '../domain/generation-modes.js';
import { NAME_LENGTH_MAX } from '../domain/name-list.js';
import { ModelIds } from '../model-ids.js';
import type { NameSuggestion } from './name-suggestion.entity.js';
import type { Project, ProjectPreferences } from './project.entity.js';

const PROJECT_NAME_LENGTH_MAX = 200;
/** As long as a business idea may be: it is what a run is made from. */
export const IDEA_LENGTH_MAX = 4_000;
const NOT_BLANK = { pattern: /\S/, message: 'must not be blank' } as const;

export class ProjectPreferencesBody {
  @ApiPropertyOptional({ type: [String], maxItems: MODELS_MAX })
  @IsOptional()
  @ArrayMinSize(1)
  @ModelIds()
  models?: string[];

  @ApiPropertyOptional({ enum: GENERATION_MODES })
  @IsOptional()
  @IsIn(GENERATION_MODES)
  mode?: GenerationMode;

  @ApiPropertyOptional()
  @IsOptional()
  @IsBoolean()
  deepThinking?: boolean;
}

class ProjectTermsRequest {
  @ApiPropertyOptional({ type: String, nullable: true, maxLength: IDEA_LENGTH_MAX, description: 'The business idea' })
  @IsOptional()
  @IsString()
  @Length(1, IDEA_LENGTH_MAX)
  @Matches(NOT_BLANK.pattern, { message: NOT_BLANK.message })
  description?: string | null;

  @ApiPropertyOptional({ type: ProjectPreferencesBody, nullable: true, description: 'For runs of this project alone' })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ProjectPreferencesBody)
  aiPreferences?: ProjectPreferencesBody | null;
}

export class CreateProjectRequest extends ProjectTermsRequest {
  @ApiProperty({ maxLength: PROJECT_NAME_LENGTH_MAX, example: 'Coffee roaster' })
  @IsString()
  @Length(1, PROJECT_NAME_LENGTH_MAX)
  @Matches(NOT_BLANK.pattern, { message: NOT_BLANK.message })
  name!: string;
}

export class UpdateProjectRequest extends ProjectTermsRequest {
  @ApiPropertyOptional({ maxLength: PROJECT_NAME_LENGTH_MAX })
  @IfSent()
  @IsString()
  @Length(1, PROJECT_NAME_LENGTH_MAX)
  @Matches(NOT_BLANK.pattern, { message: NOT_BLANK.message })
  name?: string;

  @ApiPropertyOptional({
    type: String,
    format: 'uuid',
    nullable: true,
    description: 'A suggestion of this project; null for none',
  })
  @IsOptional()
  @IsUUID()
  selectedNameId?: string | null;
}

export class SuggestionsQuery extends PageQuery {
  @ApiPropertyOptional()
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  isFavourite?: boolean;

  @ApiPropertyOptional({ description: 'Suggested by this model' })
  @IsOptional()
  @IsString()
  @Length(1, MODEL_ID_LENGTH_MAX)
  model?: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'Suggested in this run' })
  @IsOptional()
  @IsUUID()
  generationId?: string;
}

export class CreateSuggestionRequest {
  @ApiProperty({ maxLength: NAME_LENGTH_MAX, description: 'A name of your own' })
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  @Matches(NOT_BLANK.pattern, { message: NOT_BLANK.message })
  name!: string;
}

export class UpdateSuggestionRequest {
  @ApiProperty()
  @IsBoolean()
  isFavourite!: boolean;
}

export class ProjectView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() name!: string;
  @ApiProperty({ type: String, nullable: true }) description!: string | null;
  @ApiProperty({ type: ProjectPreferencesBody, nullable: true }) aiPreferences!: ProjectPreferences | null;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) selectedNameId!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) lastGenerationAt!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ format: 'date-time' }) updatedAt!: string;
}

export class ProjectsPage {
  @ApiProperty({ type: [ProjectView] }) data!: ProjectView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class SuggestionView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty() name!: string;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The model that suggested it; null for a name of your own',
  })
  model!: string | null;
  @ApiProperty({ type: Number, nullable: true, description: '0 to 100' }) score!: number | null;
  @ApiProperty() isFavourite!: boolean;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) generationId!: string | null;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'Models, prompt version, tokens and cost behind it',
  })
  generationMetadata!: unknown;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class SuggestionsPage {
  @ApiProperty({ type: [SuggestionView] }) data!: SuggestionView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toProjectView(project: Project): ProjectView {
  return {
    id: project.id,
    name: project.name,
    description: project.description ?? null,
    aiPreferences: project.aiPreferences ?? null,
    selectedNameId: project.selectedNameId ?? null,
    lastGenerationAt: project.lastGenerationAt?.toISOString() ?? null,
    createdAt: project.createdAt.toISOString(),
    updatedAt: project.updatedAt.toISOString(),
  };
}

export function toSuggestionView(suggestion: NameSuggestion): SuggestionView {
  return {
    id: suggestion.id,
    name: suggestion.name,
    model: suggestion.aiModel ?? null,
    score: suggestion.score ?? null,
    isFavourite: suggestion.isFavourite,
    generationId: suggestion.generationSessionId ?? null,
    generationMetadata: suggestion.generationMetadata ?? null,
    createdAt: suggestion.createdAt.toISOString(),
  };
}
