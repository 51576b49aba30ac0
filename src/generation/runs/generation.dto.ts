import { ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import {
  ArrayMinSize,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { BooleanText } from '../../common/http/boolean-text.js';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { PageQuery } from '../../common/http/paging.js';
import {
  GENERATION_MODES,
  type GenerationMode,
  MODELS_MAX,
  NAMES_DEFAULT,
  NAMES_MAX,
} from '../domain/generation-modes.js';
import { ModelIds } from '../model-ids.js';
import { IDEA_LENGTH_MAX } from '../projects/project.dto.js';
import {
  ArchivedGeneration,
  type ErrorDetails,
  type Generation,
  GENERATION_STATUSES,
  type GenerationStatus,
  type ModelError,
} from './generation.entity.js';
import { GENERATION_MODEL_STATES, type GenerationModel, type GenerationModelState } from './generation-model.entity.js';

export class CreateGenerationRequest {
  @ApiProperty({ maxLength: IDEA_LENGTH_MAX, example: 'A roastery that brings fresh coffee by bicycle' })
  @IsString()
  @Length(1, IDEA_LENGTH_MAX)
  @Matches(/\S/, { message: 'must not be blank' })
  businessIdea!: string;

  @ApiPropertyOptional({ format: 'uuid', description: 'Where the names go; without it a project is made for them' })
  @IsOptional()
  @IsUUID()
  projectId?: string;

  @ApiPropertyOptional({ enum: GENERATION_MODES, description: 'As the project, else your preferences say' })
  @IsOptional()
  @IsIn(GENERATION_MODES)
  mode?: GenerationMode;

  @ApiPropertyOptional({ description: 'As the project, else your preferences say' })
  @IsOptional()
  @IsBoolean()
  deepThinking?: boolean;

  @ApiPropertyOptional({
    type: [String],
    minItems: 1,
    maxItems: MODELS_MAX,
    description: 'As the project, else your preferences say',
  })
  @IsOptional()
  @ArrayMinSize(1)
  @ModelIds()
  models?: string[];

  @ApiPropertyOptional({ minimum: 1, maximum: NAMES_MAX, default: NAMES_DEFAULT, description: 'Of each model' })
  @IfSent()
  @Max(NAMES_MAX)
  @Min(1)
  @IsInt()
  names: number = NAMES_DEFAULT;
}

export class GenerationsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: GENERATION_STATUSES })
  @IsOptional()
  @IsIn(GENERATION_STATUSES)
  status?: GenerationStatus;

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  projectId?: string;

  @ApiPropertyOptional({ description: 'Those of long ago instead', default: false })
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  isArchived: boolean = false;
}

/** Why a model gave no names. */
export class ModelErrorView {
  @ApiProperty() code!: string;
  @ApiProperty() message!: string;
}

export class GenerationModelView {
  @ApiProperty() model!: string;
  @ApiProperty({ enum: GENERATION_MODEL_STATES }) state!: GenerationModelState;
  @ApiProperty() names!: number;
  @ApiProperty({ type: Number, nullable: true }) responseTimeMs!: number | null;
  @ApiProperty({ type: ModelErrorView, nullable: true }) error!: ModelError | null;
}

export class GenerationView {
  @ApiProperty({ format: 'uuid', description: 'Also what its receipt is called: GET /v1/usage/{id}' }) id!: string;
  @ApiProperty({ type: String, format: 'uuid', nullable: true }) projectId!: string | null;
  @ApiProperty() businessIdea!: string;
  @ApiProperty({ enum: GENERATION_MODES }) mode!: GenerationMode;
  @ApiProperty() deepThinking!: boolean;
  @ApiProperty({ description: 'Asked of each model' }) names!: number;
  @ApiProperty({ enum: GENERATION_STATUSES }) status!: GenerationStatus;
  @ApiProperty({ type: [String] }) modelsRequested!: string[];
  @ApiProperty({ type: [String] }) modelsCompleted!: string[];
  @ApiProperty({ description: 'Different names of all models' }) totalNamesGenerated!: number;
  @ApiProperty({ type: Number, nullable: true }) generationTimeMs!: number | null;
  @ApiProperty({
    type: 'object',
    additionalProperties: { $ref: getSchemaPath(ModelErrorView) },
    nullable: true,
    description: 'By model that gave nothing: code and message',
  })
  errorDetails!: ErrorDetails | null;
  @ApiProperty() promptVersion!: number;
  @ApiProperty({ example: '0.120000' }) creditsCharged!: string;
  @ApiProperty() isArchived!: boolean;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it was cancelled while its models were asked: it ends as soon as the calls under way have ended',
  })
  cancelRequestedAt!: string | null;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class GenerationDetailView extends GenerationView {
  @ApiProperty({ type: [GenerationModelView], description: 'Empty once it is archived' })
  models!: GenerationModelView[];
}

export class GenerationsPage {
  @ApiProperty({ type: [GenerationView] }) data!: GenerationView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toGenerationView(run: Generation | ArchivedGeneration): GenerationView {
  return {
    id: run.id,
    projectId: run.projectId ?? null,
    businessIdea: run.businessIdea,
    mode: run.generationMode,
    deepThinking: run.deepThinking,
    names: run.namesRequested,
    status: run.status,
    modelsRequested: run.modelsRequested,
    modelsCompleted: run.modelsCompleted,
    totalNamesGenerated: run.totalNamesGenerated,
    generationTimeMs: run.generationTimeMs ?? null,
    errorDetails: run.errorDetails ?? null,
    promptVersion: run.promptVersion,
    creditsCharged: formatCredits(run.creditsUcr),
    isArchived: run instanceof ArchivedGeneration,
    cancelRequestedAt: run.cancelRequestedAt?.toISOString() ?? null,
    createdAt: run.createdAt.toISOString(),
  };
}

export function toGenerationDetail({
  run,
  models,
}: {
  run: Generation | ArchivedGeneration;
  models: GenerationModel[];
}): GenerationDetailView {
  return Object.assign(toGenerationView(run), {
    models: models.map(({ modelId, state, names, responseTimeMs, error }) => ({
      model: modelId,
      state,
      names: names?.length ?? 0,
      responseTimeMs: responseTimeMs ?? null,
      error: error ?? null,
    })),
  });
}

export class RetentionQuery {
  @ApiPropertyOptional({ type: Boolean, default: true, description: 'false: do it' })
  @IsOptional()
  @BooleanText()
  @IsBoolean({ message: 'must be true or false' })
  dryRun: boolean = true;
}

export class RetentionView {
  @ApiProperty() dryRun!: boolean;
  @ApiProperty({ description: 'Never came to an end: what had answered is charged and kept, the others are removed' })
  orphans!: number;
  @ApiProperty() failedDeleted!: number;
  @ApiProperty() archived!: number;
}
