import { defineEntity, p } from '@mikro-orm/core';
import { User } from '../../auth/identity/user.entity.js';
import { NameSuggestion } from './name-suggestion.entity.js';

export const ProjectSchema = defineEntity({
  name: 'Project',
  tableName: 'projects',
  properties: {
    id: p.uuid().primary(),
    userId: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(),
    name: p.text(),
    description: p.text().nullable(),
    selectedNameId: () =>
      p.manyToOne(NameSuggestion).mapToPk().fieldName('selected_name_id').nullable().deleteRule('set null').index(),
    /** What a run of this project takes where it says nothing, before the user's own preferences. */
    aiPreferences: p.json<ProjectPreferences>().nullable(),
    lastGenerationAt: p.datetime().columnType('timestamptz').nullable().index('idx_projects_last_generation'),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
});

export interface ProjectPreferences {
  models?: string[] | undefined;
  mode?: 'creative' | 'professional' | 'brandable' | 'tech-focused' | undefined;
  deepThinking?: boolean | undefined;
}

/** Something that a name is looked for. */
export class Project extends ProjectSchema.class {}
ProjectSchema.setClass(Project);
