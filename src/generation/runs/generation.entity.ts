import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../../auth/identity/user.entity.js';
import { GENERATION_MODES } from '../domain/generation-modes.js';
import { Project } from '../projects/project.entity.js';

export const GENERATION_STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type GenerationStatus = (typeof GENERATION_STATUSES)[number];

const ENDED: readonly GenerationStatus[] = ['completed', 'failed', 'cancelled'];

/** Whether nothing of a run changes any more. */
export function hasEnded({ status }: { status: GenerationStatus }): boolean {
  return ENDED.includes(status);
}

/** Why a model gave nothing. */
export interface ModelError {
  code: string;
  message: string;
}
/** By model. */
export type ErrorDetails = Record<string, ModelError>;

/** What a run and its archived form have in common. */
const COLUMNS = {
  id: p.uuid().primary(),
  businessIdea: p.text(),
  generationMode: p.enum(GENERATION_MODES).nativeEnumName('generation_mode').default('creative'),
  deepThinking: p.boolean().default(false),
  modelsRequested: p.json<string[]>(),
  modelsCompleted: p.json<string[]>().defaultRaw(`'[]'`),
  /** Of each model. */
  namesRequested: p.integer(),
  totalNamesGenerated: p.integer().default(0),
  generationTimeMs: p.integer().nullable(),
  status: p.enum(GENERATION_STATUSES).nativeEnumName('generation_status').default('pending'),
  errorDetails: p.json<ErrorDetails>().nullable(),
  promptVersion: p.integer(),
  creditsUcr: p.bigint().defaultRaw('0'),
  /** When its owner called it off while it was worked on. */
  cancelRequestedAt: p.datetime().columnType('timestamptz').nullable(),
  createdAt: p.datetime().columnType('timestamptz'),
  updatedAt: p.datetime().columnType('timestamptz'),
};

export const GenerationSchema = defineEntity({
  name: 'Generation',
  tableName: 'ai_generations',
  checks: [{ name: 'ai_generations_models_requested_check', expression: 'jsonb_array_length(models_requested) > 0' }],
  uniques: [
    {
      name: 'ai_generations_idempotency_key_unique',
      properties: ['userId', 'idempotencyKey'],
      where: 'idempotency_key is not null',
    },
  ],
  indexes: [
    { name: 'idx_ai_generations_status', properties: ['status'] },
    { name: 'idx_ai_generations_created_at', properties: ['createdAt'] },
  ],
  properties: {
    ...COLUMNS,
    userId: () =>
      p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index('idx_ai_generations_user_id'),
    projectId: () =>
      p
        .manyToOne(Project)
        .mapToPk()
        .fieldName('project_id')
        .nullable()
        .deleteRule('cascade')
        .index('idx_ai_generations_project_id'),
    idempotencyKey: p.string().length(255).nullable(),
    requestHash: p.blob().nullable(),
    /** Counts the workers that took it up: one that never ends is given up in the end. */
    runNo: p.integer().default(0),
  },
});

/** One brief, asked of several models under one hold. Its id is that of the hold and of the receipt. */
export class Generation extends GenerationSchema.class {}
GenerationSchema.setClass(Generation);

export const ArchivedGenerationSchema = defineEntity({
  name: 'ArchivedGeneration',
  tableName: 'ai_generations_archive',
  properties: {
    ...COLUMNS,
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    /** Without a foreign key: the project may go first. */
    projectId: p.uuid().nullable(),
    archivedAt: p.datetime().columnType('timestamptz'),
  },
});

/** A run of long ago, as its owner may still read it. */
export class ArchivedGeneration extends ArchivedGenerationSchema.class {}
ArchivedGenerationSchema.setClass(ArchivedGeneration);
