import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { MoneyView } from '../../common/http/api-schemas.js';
import { BooleanText } from '../../common/http/boolean-text.js';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { formatMoney, type Money } from '../../common/domain/money.js';
import { PageQuery } from '../../common/http/paging.js';
import { operatorsMessage } from '../../inference/operators-message.js';
import { ANALYSIS_STATUSES, type AnalysisStatus, type FailedAttempt, type ListedAnalysis } from '../analysis.entity.js';
import {
  type FallbackComparison,
  RECOVERY_STATES,
  type RecoveryStep,
  type RecoveryWorkflow,
} from '../recovery/recovery.entity.js';

const NAME_LENGTH_MAX = 100;

export class AdminAnalysesQuery extends PageQuery {
  @ApiPropertyOptional({ enum: ANALYSIS_STATUSES })
  @IsOptional()
  @IsIn(ANALYSIS_STATUSES)
  status?: AnalysisStatus;

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  userId?: string;

  @ApiPropertyOptional({ maxLength: NAME_LENGTH_MAX, description: 'The model that answered' })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  model?: string;

  @ApiPropertyOptional({ maxLength: NAME_LENGTH_MAX })
  @IsOptional()
  @IsString()
  @Length(1, NAME_LENGTH_MAX)
  kind?: string;

  @ApiPropertyOptional({ description: 'Whether rules had to answer' })
  @IsOptional()
  @BooleanText()
  @IsBoolean()
  fallbackUsed?: boolean;
}

class FailedAttemptView {
  @ApiProperty() attempt!: number;
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty() type!: string;
  @ApiProperty() message!: string;
  @ApiProperty({ format: 'date-time', description: 'When the next one follows' }) nextAt!: string;
}

/** How an analysis went; neither its text nor its result. */
export class AdminAnalysisView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) userId!: string;
  @ApiProperty() kind!: string;
  @ApiProperty() kindVersion!: number;
  @ApiProperty({ enum: ANALYSIS_STATUSES }) status!: AnalysisStatus;
  @ApiProperty() tier!: string;
  @ApiProperty() priority!: number;
  @ApiProperty({ type: String, nullable: true }) model!: string | null;
  @ApiProperty({ type: Number, nullable: true }) tokensUsed!: number | null;
  @ApiProperty() creditsCharged!: string;
  @ApiProperty({ type: MoneyView }) cost!: Money;
  @ApiProperty({ type: Number, nullable: true }) queueWaitMs!: number | null;
  @ApiProperty({ type: Number, nullable: true }) processingMs!: number | null;
  @ApiProperty({ type: Number, nullable: true }) totalMs!: number | null;
  @ApiProperty() attempts!: number;
  @ApiProperty({ type: String, nullable: true, description: 'REGION of the process that worked on it' })
  region!: string | null;
  @ApiProperty({ description: 'An answer to the same request was given again' }) cachingUsed!: boolean;
  @ApiProperty({ description: 'It was asked for together with others' }) batchProcessed!: boolean;
  @ApiProperty({ type: [FailedAttemptView] }) retryHistory!: FailedAttempt[];
  @ApiProperty({ type: String, nullable: true }) lastErrorType!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) errorContext!: object | null;
  @ApiProperty() fallbackUsed!: boolean;
  @ApiProperty({ type: Number, nullable: true }) fallbackConfidence!: number | null;
  @ApiProperty() upgradedFromFallback!: boolean;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) completedAt!: string | null;
}

export class AdminAnalysesPage {
  @ApiProperty({ type: [AdminAnalysisView] }) data!: AdminAnalysisView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class ComparisonView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) analysisId!: string;
  @ApiProperty({ description: '0 to 1: how far rules and model said the same' }) agreement!: number;
  @ApiProperty({ format: 'date-time' }) createdAt!: string;
}

export class ComparisonsPage {
  @ApiProperty({ type: [ComparisonView] }) data!: ComparisonView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export class WorkflowsQuery extends PageQuery {
  @ApiPropertyOptional({ enum: RECOVERY_STATES })
  @IsOptional()
  @IsIn(RECOVERY_STATES)
  state?: (typeof RECOVERY_STATES)[number];

  @ApiPropertyOptional({ format: 'uuid' })
  @IsOptional()
  @IsUUID()
  analysisId?: string;
}

class RecoveryStepView {
  @ApiProperty({ enum: ['retry', 'other_model', 'fallback', 'escalate'] }) step!: RecoveryStep['step'];
  @ApiProperty({ format: 'date-time' }) at!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) detail!: Record<string, unknown>;
}

export class WorkflowView {
  @ApiProperty({ format: 'uuid' }) id!: string;
  @ApiProperty({ format: 'uuid' }) analysisId!: string;
  @ApiProperty({ enum: RECOVERY_STATES }) state!: string;
  @ApiProperty({ type: [RecoveryStepView] }) steps!: RecoveryStep[];
  @ApiProperty({ format: 'date-time' }) startedAt!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) finishedAt!: string | null;
}

export class WorkflowsPage {
  @ApiProperty({ type: [WorkflowView] }) data!: WorkflowView[];
  @ApiProperty({ type: String, nullable: true }) nextCursor!: string | null;
}

export function toAdminAnalysisView(analysis: ListedAnalysis): AdminAnalysisView {
  const { id, userId, kind, status, priority, attempts, retryHistory, fallbackUsed, upgradedFromFallback } = analysis;
  return {
    id,
    userId,
    kind,
    kindVersion: analysis.analysisVersion,
    status,
    tier: analysis.serviceTier,
    priority,
    model: analysis.modelType ?? analysis.modelId ?? null,
    tokensUsed: analysis.tokensUsed ?? null,
    creditsCharged: formatCredits(analysis.creditsUcr),
    cost: formatMoney(analysis.apiCostNusd),
    queueWaitMs: analysis.queueWaitMs ?? null,
    processingMs: analysis.processingMs ?? null,
    totalMs: analysis.totalMs ?? null,
    attempts,
    region: analysis.regionProcessed ?? null,
    cachingUsed: analysis.cachingUsed,
    batchProcessed: analysis.batchProcessed,
    retryHistory,
    lastErrorType: analysis.lastErrorType ?? null,
    errorContext: errorForOperators(analysis),
    fallbackUsed,
    fallbackConfidence: analysis.fallbackConfidence ?? null,
    upgradedFromFallback,
    createdAt: analysis.createdAt.toISOString(),
    completedAt: analysis.completedAt?.toISOString() ?? null,
  };
}

function errorForOperators({ errorContext }: ListedAnalysis): object | null {
  if (!errorContext) return null;
  const { type, message } = errorContext;
  return { type, message: operatorsMessage(type, message) };
}

export function toComparisonView({ id, analysisId, agreement, createdAt }: FallbackComparison): ComparisonView {
  return { id, analysisId, agreement, createdAt: createdAt.toISOString() };
}

export function toWorkflowView(workflow: RecoveryWorkflow): WorkflowView {
  const { id, analysisId, state, steps, startedAt, finishedAt } = workflow;
  return {
    id,
    analysisId,
    state,
    steps,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}
