import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';
import { IfSent } from '../../common/http/if-sent.js';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { IsTimeRead } from '../../common/http/is-time.js';
import { PageQuery } from '../../common/http/paging.js';
import { ANALYSIS_STATUSES, type AnalysisStatus, type ListedAnalysis } from '../analysis.entity.js';
import { PRIORITY_MAX } from '../domain/turn.js';

const SUBJECT_LENGTH_MAX = 200;
const NAME_LENGTH_MAX = 100;
/** About a long book's chapter; the model's context and the body's mebibyte may be smaller. */
const TEXT_LENGTH_MAX = 500_000;

export class CreateAnalysisRequest {
  @ApiProperty({
    maxLength: SUBJECT_LENGTH_MAX,
    example: 'entry-42',
    description: 'What the text is about: an id of yours',
  })
  @IsString()
  @Length(1, SUBJECT_LENGTH_MAX)
  subject!: string;

  @ApiProperty({ example: 'sentiment', maxLength: NAME_LENGTH_MAX })
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  kind!: string;

  @ApiProperty({ maxLength: TEXT_LENGTH_MAX })
  @Matches(/\S/, { message: 'text must hold more than blanks' })
  @IsString()
  @Length(1, TEXT_LENGTH_MAX)
  text!: string;

  @ApiPropertyOptional({ example: 'gpt-5-nano', description: 'A model of the catalogue, in place of that of the kind' })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  model?: string;

  @ApiPropertyOptional({ minimum: 0, maximum: PRIORITY_MAX, default: 0, description: 'Each step is a minute ahead' })
  @IfSent()
  @Max(PRIORITY_MAX)
  @Min(0)
  @IsInt()
  priority: number = 0;

  @ApiPropertyOptional({
    format: 'date-time',
    description:
      'When a model’s answer is of no use any more: then the fallback answers. Within 24 hours; an hour without it',
  })
  @IsOptional()
  @IsTimeRead()
  deadline?: Date;
}

export class AnalysesQuery extends PageQuery {
  @ApiPropertyOptional({ enum: ANALYSIS_STATUSES })
  @IsOptional()
  @IsIn(ANALYSIS_STATUSES)
  status?: AnalysisStatus;

  @ApiPropertyOptional({ maxLength: SUBJECT_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @Length(1, SUBJECT_LENGTH_MAX)
  subject?: string;

  @ApiPropertyOptional({ maxLength: NAME_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  kind?: string;
}

export class AnalysisFallbackView {
  @ApiProperty({ description: '0 to 1: how sure the rules are' }) confidence!: number;
  @ApiProperty({ description: 'Why no model answered' }) reason!: string;
}

export class AnalysisErrorView {
  @ApiProperty() code!: string;
  @ApiProperty() message!: string;
}

export class AnalysisView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({
    type: String,
    format: 'uuid',
    nullable: true,
    description:
      'Under which it is charged: GET /v1/usage/{requestId} is its receipt. Its own id, unless it was held for anew: for a model’s answer in the ' +
      'place of that of rules, or by an operator. Null where it was taken over',
  })
  requestId!: string | null;
  @ApiProperty() subject!: string;
  @ApiProperty() kind!: string;
  @ApiProperty() kindVersion!: number;
  @ApiProperty({ enum: ANALYSIS_STATUSES }) status!: AnalysisStatus;
  @ApiProperty({ type: String, nullable: true, description: 'The model that answered, or is to' }) model!:
    string | null;
  @ApiProperty() priority!: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) deadline!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) result!: Record<string, unknown> | null;
  @ApiProperty({ type: AnalysisFallbackView, nullable: true, description: 'Set while the result is that of rules' })
  fallback!: AnalysisFallbackView | null;
  @ApiProperty({ description: 'A model’s answer has replaced that of rules' }) isUpgraded!: boolean;
  @ApiProperty({ type: AnalysisErrorView, nullable: true }) error!: AnalysisErrorView | null;
  @ApiProperty() attempts!: number;
  @ApiProperty({ example: '0.412000' }) creditsCharged!: string;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) startedAt!: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it was called off while it was worked on: it ends as soon as its model has been told',
  })
  cancelRequestedAt!: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) completedAt!: string | null;
}

export class QueuedAnalysisView extends AnalysisView {
  @ApiProperty({ description: 'Its place in the queue; 1 is next' }) position!: number;
  @ApiProperty({ format: 'date-time', description: 'When it is likely to begin' }) estimatedStartAt!: string;
  @ApiProperty({ example: '1.204000', description: 'The most that it can cost; what it does not is given back' })
  creditsHeld!: string;
}

export class AnalysesPage {
  @ApiProperty({ type: [AnalysisView] }) data!: AnalysisView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toAnalysisView(analysis: ListedAnalysis): AnalysisView {
  const { fallbackUsed, upgradedFromFallback, fallbackConfidence, fallbackMetadata, errorContext } = analysis;
  const isRules = fallbackUsed && !upgradedFromFallback;
  const isFailure = analysis.status === 'failed' || analysis.status === 'dead';
  return {
    id: analysis.id,
    requestId: analysis.holdId ?? null,
    subject: analysis.subjectId,
    kind: analysis.kind,
    kindVersion: analysis.analysisVersion,
    status: analysis.status,
    model: analysis.modelType ?? analysis.modelId ?? null,
    priority: analysis.priority,
    deadline: analysis.deadlineAt?.toISOString() ?? null,
    result: analysis.result ?? null,
    fallback: isRules ? { confidence: fallbackConfidence ?? 0, reason: fallbackMetadata?.reason ?? '' } : null,
    isUpgraded: upgradedFromFallback,
    error: isFailure ? { code: analysis.lastErrorType ?? 'failed', message: errorContext?.message ?? '' } : null,
    attempts: analysis.attempts,
    creditsCharged: formatCredits(analysis.creditsUcr),
    createdAt: analysis.createdAt.toISOString(),
    startedAt: analysis.processingStartedAt?.toISOString() ?? null,
    cancelRequestedAt: analysis.cancelRequestedAt?.toISOString() ?? null,
    completedAt: analysis.completedAt?.toISOString() ?? null,
  };
}
