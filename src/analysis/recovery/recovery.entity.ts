import { defineEntity, p } from '@mikro-orm/core';
import { Analysis } from '../analysis.entity.js';

export const FallbackComparisonSchema = defineEntity({
  name: 'FallbackComparison',
  tableName: 'fallback_comparisons',
  properties: {
    id: p.uuid().primary(),
    analysisId: () => p.manyToOne(Analysis).mapToPk().fieldName('analysis_id').deleteRule('cascade').index(),
    modelResult: p.json<Record<string, unknown>>(),
    fallbackResult: p.json<Record<string, unknown>>(),
    agreement: p.decimal('number').precision(4).scale(3),
    createdAt: p.datetime().columnType('timestamptz'),
  },
  checks: [{ name: 'fallback_comparisons_agreement_check', expression: 'agreement >= 0 and agreement <= 1' }],
});

/** What the rules had answered beside what the model answered later. */
export class FallbackComparison extends FallbackComparisonSchema.class {}
FallbackComparisonSchema.setClass(FallbackComparison);

export const RECOVERY_STATES = ['running', 'recovered', 'given_up'] as const;

/** One thing that was tried to get over a provider's trouble. */
export interface RecoveryStep {
  step: 'retry' | 'other_model' | 'fallback' | 'escalate';
  at: string;
  detail: Record<string, unknown>;
}

export const RecoveryWorkflowSchema = defineEntity({
  name: 'RecoveryWorkflow',
  tableName: 'recovery_workflows',
  properties: {
    id: p.uuid().primary(),
    analysisId: () => p.manyToOne(Analysis).mapToPk().fieldName('analysis_id').deleteRule('cascade').index(),
    state: p.enum(RECOVERY_STATES).nativeEnumName('recovery_state'),
    steps: p.json<RecoveryStep[]>().defaultRaw(`'[]'`),
    startedAt: p.datetime().columnType('timestamptz'),
    finishedAt: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  checks: [{ name: 'recovery_workflows_finished_check', expression: "(state = 'running') = (finished_at is null)" }],
  indexes: [
    {
      name: 'recovery_workflows_running_unique',
      expression: `create unique index recovery_workflows_running_unique on recovery_workflows (analysis_id) where state = 'running'`,
    },
  ],
});

/** The way from the first failed attempt of an analysis to its answer, or to the operator. */
export class RecoveryWorkflow extends RecoveryWorkflowSchema.class {}
RecoveryWorkflowSchema.setClass(RecoveryWorkflow);
