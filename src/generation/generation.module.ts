import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { InferenceModule } from '../inference/inference.module.js';
import { ModelsModule } from '../models/models.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { GenerationPersonalData } from './generation-personal-data.js';
import { GenerationPreferencesController } from './preferences/generation-preferences.controller.js';
import { GenerationPreferencesService } from './preferences/generation-preferences.service.js';
import { ProjectService } from './projects/project.service.js';
import { ProjectsController } from './projects/projects.controller.js';
import { SuggestionService } from './projects/suggestion.service.js';
import { SuggestionsController } from './projects/suggestions.controller.js';
import { GenerationPromptService } from './prompts/generation-prompt.service.js';
import { GenerationPromptsAdminController } from './prompts/generation-prompts.admin.controller.js';

import { GenerationBriefs } from './runs/generation-briefs.service.js';
import { GenerationIntake } from './runs/generation-intake.service.js';
import { GenerationCancellations } from './runs/generation-cancellations.service.js';
import { GenerationOutcome } from './runs/generation-outcome.service.js';
import { GenerationService } from './runs/generation.service.js';
import { GenerationWorker } from './runs/generation-worker.service.js';
import { GenerationsAdminController } from './runs/generations.admin.controller.js';
import { ModelComparisonService } from './runs/model-comparison.service.js';
import { FirstRuns } from './runs/first-runs.service.js';
import { GenerationCalls } from './runs/generation-calls.service.js';
import { GenerationHolds } from './runs/generation-holds.service.js';
import { GenerationPlanner } from './runs/generation-planner.service.js';
import { GenerationProgress } from './runs/generation-progress.service.js';
import { GenerationRecords } from './runs/generation-records.service.js';
import { GenerationRetentionJob } from './runs/generation-retention.job.js';
import { GenerationRetention } from './runs/generation-retention.service.js';
import { OrphanedGenerations } from './runs/orphaned-generations.service.js';
import { GenerationRun } from './runs/generation-run.service.js';
import { GenerationSettlement } from './runs/generation-settlement.service.js';
import { GenerationSweep } from './runs/generation-sweep.job.js';
import { GenerationStarts } from './runs/generation-starts.service.js';
import { ProjectRemoval } from './runs/project-removal.service.js';
import { GenerationsController } from './runs/generations.controller.js';

/** Names for businesses: one brief asked of several models under one hold. */
@Module({
  imports: [
    AuthModule,
    DatabaseModule,
    InferenceModule,
    ModelsModule,
    MonitoringModule,
    SubscriptionModule,
    UsageModule,
  ],
  controllers: [
    GenerationPreferencesController,
    GenerationPromptsAdminController,
    GenerationsAdminController,
    GenerationsController,
    ProjectsController,
    SuggestionsController,
  ],
  providers: [
    GenerationBriefs,
    GenerationIntake,
    GenerationCancellations,
    GenerationOutcome,
    GenerationPersonalData,
    GenerationPreferencesService,
    GenerationPromptService,
    GenerationService,
    GenerationWorker,
    ModelComparisonService,
    FirstRuns,
    GenerationCalls,
    GenerationHolds,
    GenerationPlanner,
    GenerationProgress,
    GenerationRecords,
    GenerationRetention,
    GenerationRetentionJob,
    GenerationRun,
    OrphanedGenerations,
    GenerationSettlement,
    GenerationStarts,
    GenerationSweep,
    ProjectRemoval,
    ProjectService,
    SuggestionService,
  ],
})
export class GenerationModule {}
