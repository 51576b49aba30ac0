import { defineEntity, p } from '@mikro-orm/core';
import { Project } from './project.entity.js';

/** Where a name came from. */
export interface SuggestionOrigin {
  promptVersion: number;
  mode: string;
  /** Every model that suggested it, first the one that is credited. */
  models: string[];
  /** Of the credited model's whole answer, and its share of one name. */
  tokensUsed: number;
  creditsUcr: string;
  costNusd: string;
}

export const NameSuggestionSchema = defineEntity({
  name: 'NameSuggestion',
  tableName: 'name_suggestions',
  properties: {
    id: p.uuid().primary(),
    projectId: () => p.manyToOne(Project).mapToPk().fieldName('project_id').deleteRule('cascade').index(),
    name: p.text(),
    logos: p.json<unknown[]>().nullable(),
    aiModel: p.string().length(50).nullable().index('idx_name_suggestions_ai_model'),
    generationMetadata: p.json<SuggestionOrigin>().nullable(),
    /** Without a foreign key: it outlives the run's move to the archive. */
    generationSessionId: p.uuid().nullable().index('idx_name_suggestions_generation_session'),
    score: p.decimal('number').precision(5).scale(2).nullable(),
    isFavourite: p.boolean().default(false),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

export class NameSuggestion extends NameSuggestionSchema.class {}
NameSuggestionSchema.setClass(NameSuggestion);
