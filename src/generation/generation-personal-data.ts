import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { PersonalDataRegistry } from '../common/personal-data.js';
import { registerTables, type UserRows } from '../database/rows-of-user.js';

const RUN = [
  'project_id',
  'business_idea',
  'generation_mode',
  'deep_thinking',
  'models_requested',
  'models_completed',
  'total_names_generated',
  'status',
  'credits_ucr',
  'created_at',
];

const TABLES: Readonly<Record<string, UserRows>> = {
  generationPreferences: {
    table: 'user_ai_preferences',
    columns: [
      'preferred_models',
      'default_generation_mode',
      'enable_deep_thinking',
      'auto_generate_on_create',
      'model_weights',
      'created_at',
    ],
  },
  generations: { table: 'ai_generations', columns: RUN },
  archivedGenerations: { table: 'ai_generations_archive', columns: [...RUN, 'archived_at'] },
  nameSuggestions: {
    table: `(select s.*, p.user_id from name_suggestions s join projects p on p.id = s.project_id) suggestions`,
    columns: ['project_id', 'name', 'ai_model', 'score', 'is_favourite', 'generation_session_id', 'created_at'],
  },
  // Last: what is erased with it has been exported by then, and its suggestions go with it.
  projects: {
    table: 'projects',
    columns: ['name', 'description', 'selected_name_id', 'ai_preferences', 'last_generation_at', 'created_at'],
  },
};

/** What people looked for names for, and what was suggested to them. */
@Injectable()
export class GenerationPersonalData implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly registry: PersonalDataRegistry,
  ) {}

  onModuleInit(): void {
    const erased = ['generationPreferences', 'generations', 'archivedGenerations', 'projects'];
    registerTables(this.registry, this.em, TABLES, erased);
  }
}
