import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { ModelsModule } from '../models/models.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { GenerationPersonalData } from './generation-personal-data.js';
import { GenerationPreferencesController } from './preferences/generation-preferences.controller.js';
import { GenerationPreferencesService } from './preferences/generation-preferences.service.js';
import { ProjectService } from './projects/project.service.js';
import { ProjectsController } from './projects/projects.controller.js';
import { SuggestionService } from './projects/suggestion.service.js';
import { SuggestionsController } from './projects/suggestions.controller.js';
import { GenerationPromptService } from './prompts/generation-prompt.service.js';
import { GenerationPromptsAdminController } from './prompts/generation-prompts.admin.controller.js';

/** Names for businesses: one brief asked of several models under one hold. */
@Module({
  imports: [AuthModule, DatabaseModule, ModelsModule, MonitoringModule],
  controllers: [
    GenerationPreferencesController,
    GenerationPromptsAdminController,
    ProjectsController,
    SuggestionsController,
  ],
  providers: [
    GenerationPersonalData,
    GenerationPreferencesService,
    GenerationPromptService,
    ProjectService,
    SuggestionService,
  ],
})
export class GenerationModule {}
