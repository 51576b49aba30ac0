import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { CreditsModule } from '../credits/credits.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { InferenceModule } from '../inference/inference.module.js';
import { ModelsModule } from '../models/models.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { AnalysesAdminController, DeadLettersAdminController } from './analyses.admin.controller.js';
import { AnalysesController } from './analyses.controller.js';
import { Analyses } from './analyses.service.js';
import { AnalysisAsker } from './analysis-asker.service.js';
import { AnalysisAttempt } from './analysis-attempt.service.js';
import { AnalysisDispatch } from './analysis-dispatch.service.js';
import { AnalysisEndings } from './analysis-endings.service.js';
import { AnalysisHolds } from './analysis-holds.service.js';
import { AnalysisIntake } from './analysis-intake.service.js';
import { AnalysisKindsAdminController } from './analysis-kinds.admin.controller.js';
import { AnalysisKinds } from './analysis-kinds.service.js';
import { AnalysisProgress } from './analysis-progress.service.js';
import { AnalysisPersonalData } from './analysis-personal-data.js';
import { AnalysisRecords } from './analysis-records.service.js';
import { AnalysisRenewals } from './analysis-renewals.service.js';
import { AnalysisRetries } from './analysis-retries.service.js';
import { AnalysisRunner } from './analysis-runner.service.js';
import { AnalysisSettler } from './analysis-settler.service.js';
import { AnalysisSubmission } from './analysis-submission.service.js';
import { AnalysisSummary } from './analysis-summary.service.js';
import { AnalysisSweep } from './analysis-sweep.job.js';
import { AnalysisUpgrade } from './analysis-upgrade.service.js';
import { AnalysisUpgrader } from './analysis-upgrader.service.js';
import { DeadLetters } from './dead-letters.service.js';
import { OlderAnalysisImport } from './older/older-import.service.js';
import { RecoveryLog } from './recovery-log.service.js';
import { UpgradeEndings } from './upgrade-endings.service.js';

/** Texts that are analysed while nobody waits. */
@Module({
  imports: [
    AuthModule,
    CreditsModule,
    DatabaseModule,
    InferenceModule,
    ModelsModule,
    MonitoringModule,
    SubscriptionModule,
    UsageModule,
  ],
  controllers: [AnalysesAdminController, AnalysesController, AnalysisKindsAdminController, DeadLettersAdminController],
  providers: [
    Analyses,
    AnalysisAsker,
    AnalysisAttempt,
    AnalysisDispatch,
    AnalysisEndings,
    AnalysisHolds,
    AnalysisIntake,
    AnalysisKinds,
    AnalysisProgress,
    AnalysisPersonalData,
    AnalysisRecords,
    AnalysisRenewals,
    AnalysisRetries,
    AnalysisRunner,
    AnalysisSettler,
    AnalysisSubmission,
    AnalysisSummary,
    AnalysisSweep,
    AnalysisUpgrade,
    AnalysisUpgrader,
    DeadLetters,
    OlderAnalysisImport,
    RecoveryLog,
    UpgradeEndings,
  ],
})
export class AnalysisModule {}
