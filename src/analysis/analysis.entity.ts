import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../auth/identity/user.entity.js';
import { TIERS } from '../common/domain/tiers.js';
import { CIRCUIT_STATES } from '../inference/resilience/circuit-breaker.entity.js';
import { Model } from '../models/model.entity.js';
import type { UsageAttempt } from '../usage/metering.service.js';

export const ANALYSIS_STATUSES = ['queued', 'processing', 'completed', 'failed', 'dead', 'cancelled'] as const;
export type AnalysisStatus = (typeof ANALYSIS_STATUSES)[number];

/** What was sent. */
export interface AnalysisInput {
  text: string;
  /** The model that was asked for, where one was. */
  model?: string;
  /** What the question was bounded by when it was held. */
  inputTokens?: number;
}

/** One attempt that came to nothing. */
export interface FailedAttempt {
  attempt: number;
  at: string;
  type: string;
  message: string;
  /** When the next one follows. */
  nextAt: string;
}

/** Why rules answered, and what is done to have a model answer after all. */
export interface FallbackFacts {
  reason: string;
  /** Null where no model's answer is waited for any more. */
  upgradeUntil: string | null;
  upgradeAttempts: number;
}

/** What one call to a provider used: all but the model itself of its row in the ledger. */
export type AnalysisCharge = Omit<UsageAttempt, 'model'> & { modelId: string; modelVersionNo: number };

/** What a model answered, kept before it is charged so that no death of a worker asks or charges twice. */
export interface ModelAnswer {
  /** Whether the model was asked for this one alone, for several at once, or not again. Absent means alone. */
  source?: 'batch' | 'cache';
  /** Its user had called it off by then: it is charged, and not shown. */
  isCancelled?: true;
  charges: AnalysisCharge[];
  /** Null where the answer never fitted its schema; then there is a reason. */
  result: Record<string, unknown> | null;
  reason: string | null;
}

export const AnalysisSchema = defineEntity({
  name: 'Analysis',
  tableName: 'ai_analyses',
  properties: {
    id: p.uuid().primary(),
    userId: () =>
      p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index('idx_ai_analyses_user_id'),
    subjectId: p.string().length(200).index('idx_ai_analyses_subject_id'),
    kind: p.string().length(100),
    priority: p.smallint(),
    status: p
      .enum(ANALYSIS_STATUSES)
      .nativeEnumName('analysis_status')
      .default('queued')
      .index('idx_ai_analyses_status'),
    input: p.json<AnalysisInput>(),
    result: p.json<Record<string, unknown>>().nullable(),
    analysisVersion: p.integer(),
    modelType: p.string().length(100).nullable().index('idx_ai_analyses_model_type'),
    modelVersion: p.string().length(100).nullable(),
    serviceTier: p.enum(TIERS).nativeEnumName('subscription_tier'),
    requestTokens: p.integer().nullable(),
    responseTokens: p.integer().nullable(),
    tokensUsed: p.integer().nullable().index('idx_ai_analyses_tokens_used'),
    apiCostNusd: p.bigint().defaultRaw('0'),
    creditsUcr: p.bigint().defaultRaw('0'),
    cachingUsed: p.boolean().default(false),
    batchProcessed: p.boolean().default(false),
    regionProcessed: p.text().nullable(),
    queuedAt: p.datetime().columnType('timestamptz'),
    processingStartedAt: p.datetime().columnType('timestamptz').nullable(),
    completedAt: p.datetime().columnType('timestamptz').nullable(),
    queuePosition: p.integer().nullable(),
    queueWaitMs: p.integer().nullable(),
    processingMs: p.integer().nullable().index('idx_ai_analyses_processing_ms'),
    responseMs: p.integer().nullable(),
    totalMs: p.integer().nullable(),
    attempts: p.integer().default(0),
    circuitBreakerState: p.enum(CIRCUIT_STATES).nativeEnumName('circuit_state').nullable(),
    retryHistory: p.json<FailedAttempt[]>().defaultRaw(`'[]'`),
    lastErrorType: p.string().length(100).nullable(),
    errorContext: p.json<{ type: string; message: string | null }>().nullable(),
    fallbackUsed: p.boolean().default(false),
    fallbackConfidence: p.decimal('number').precision(4).scale(3).nullable(),
    fallbackMetadata: p.json<FallbackFacts>().nullable(),
    upgradedFromFallback: p.boolean().default(false),
    recoveryAttempted: p.boolean().default(false),
    createdBy: () => p.manyToOne(User).mapToPk().fieldName('created_by').nullable().deleteRule('set null').index(),
    modifiedBy: () => p.manyToOne(User).mapToPk().fieldName('modified_by').nullable().deleteRule('set null').index(),
    modificationHistory: p.json<Record<string, unknown>[]>().defaultRaw(`'[]'`),
    /** With which the request came: what is charged later is charged under it. */
    accessId: p.uuid().nullable(),
    /** What is to be asked, at the price of this version. Null in imported rows, as the access is. */
    modelId: () =>
      p
        .manyToOne(Model)
        .mapToPk()
        .fieldName('model_id')
        .nullable()
        .deleteRule('restrict')
        .updateRule('no action')
        .index(),
    modelVersionNo: p.integer().nullable(),
    deadlineAt: p.datetime().columnType('timestamptz').nullable(),
    /** By which the queue is in order, see `domain/turn.ts`. */
    turnAt: p.datetime().columnType('timestamptz'),
    /** When its user called it off while it was worked on. */
    cancelRequestedAt: p.datetime().columnType('timestamptz').nullable(),
    holdId: p.uuid().nullable(),
    /** Whether that hold is still to be settled or given back. */
    isHoldOpen: p.boolean().default(false),
    answer: p.json<ModelAnswer>().nullable(),
    /** What makes a request the same as another, where its kind's answers are given again. */
    requestHash: p.blob().nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  checks: [
    { name: 'ai_analyses_amounts_check', expression: 'api_cost_nusd >= 0 and credits_ucr >= 0 and attempts >= 0' },
    { name: 'ai_analyses_fallback_check', expression: 'fallback_confidence >= 0 and fallback_confidence <= 1' },
    { name: 'ai_analyses_hold_check', expression: 'not is_hold_open or hold_id is not null' },
  ],
  indexes: [
    { name: 'idx_ai_analyses_user_created', properties: ['userId', 'createdAt'] },
    { name: 'idx_ai_analyses_priority_queued', properties: ['priority', 'queuedAt'] },
    { name: 'idx_ai_analyses_cost_created', properties: ['apiCostNusd', 'createdAt'] },
    { name: 'idx_ai_analyses_user_model_created', properties: ['userId', 'modelType', 'createdAt'] },
    {
      name: 'ai_analyses_created_at_index',
      properties: ['createdAt'],
      type: 'brin',
    },
    {
      name: 'ai_analyses_request_hash_index',
      properties: ['userId', 'requestHash'],
      where: 'request_hash is not null',
    },
    { name: 'ai_analyses_turn_index', properties: ['turnAt'], where: `status = 'queued'` },
    {
      name: 'ai_analyses_user_turn_index',
      properties: ['userId', 'priority', 'turnAt'],
      where: `status = 'queued'`,
    },
    {
      name: 'ai_analyses_open_index',
      properties: ['updatedAt'],
      where: `status in ('queued', 'processing') or is_hold_open`,
    },
  ],
});

/** One text that is analysed while nobody waits. Its id is also that of the request and of its first hold. */
export class Analysis extends AnalysisSchema.class {}
AnalysisSchema.setClass(Analysis);

/** What the rows of a list are read without: a page of the longest texts would fill the memory, and none of it is shown. */
export const UNLISTED = ['input', 'answer'] as const;
export type ListedAnalysis = Pick<Analysis, Exclude<keyof Analysis & string, (typeof UNLISTED)[number]>>;

/** Whether rules have answered, and a model's answer is still waited for. */
export function awaitsUpgrade({ status, fallbackMetadata, upgradedFromFallback }: ListedAnalysis): boolean {
  return status === 'completed' && Boolean(fallbackMetadata?.upgradeUntil) && !upgradedFromFallback;
}
