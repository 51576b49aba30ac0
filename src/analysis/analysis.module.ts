import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { CreditsModule } from '../credits/credits.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { InferenceModule } from '../inference/inference.module.js';
import { ModelsModule } from '../models/models.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { AnalysisPersonalData } from './analysis-personal-data.js';
import { AnalysisProgress } from './analysis-progress.service.js';
import { AnalysisHolds } from './holds/analysis-holds.service.js';
import { AnalysisRenewals } from './holds/analysis-renewals.service.js';
import { AnalysisSettler } from './holds/analysis-settler.service.js';
import { AnalysisKindsAdminController } from './kinds/analysis-kinds.admin.controller.js';
import { AnalysisKinds } from './kinds/analysis-kinds.service.js';
import { OlderAnalysisImport } from './older/older-import.service.js';
import { DeadLettersAdminController } from './recovery/dead-letters.admin.controller.js';
import { DeadLetters } from './recovery/dead-letters.service.js';
import { OtherModels } from './recovery/other-models.service.js';
import { RecoveryLog } from './recovery/recovery-log.service.js';
import { AnalysesAdminController } from './reports/analyses.admin.controller.js';
import { AnalysisRecords } from './reports/analysis-records.service.js';
import { AnalysisSummary } from './reports/analysis-summary.service.js';
import { AnalysesController } from './requests/analyses.controller.js';
import { Analyses } from './requests/analyses.service.js';
import { AnalysisCallOffs } from './requests/analysis-call-offs.service.js';
import { AnalysisIntake } from './requests/analysis-intake.service.js';
import { AnalysisPlaces } from './requests/analysis-places.service.js';
import { AnalysisSubmission } from './requests/analysis-submission.service.js';
import { AnalysisAnswers } from './sharing/analysis-answers.service.js';
import { AnalysisBatches } from './sharing/analysis-batches.service.js';
import { AnswerCache } from './sharing/answer-cache.service.js';
import { BatchAsker } from './sharing/batch-asker.service.js';
import { UpgradeAttempt } from './upgrades/upgrade-attempt.service.js';
import { UpgradeEndings } from './upgrades/upgrade-endings.service.js';
import { UpgradeWorker } from './upgrades/upgrade-worker.service.js';
import { AnalysisAsker } from './attempts/analysis-asker.service.js';
import { AnalysisAttempt } from './attempts/analysis-attempt.service.js';
import { AnalysisCancellations } from './attempts/analysis-cancellations.service.js';
import { AnalysisClaims } from './attempts/analysis-claims.service.js';
import { AnalysisDispatch } from './attempts/analysis-dispatch.service.js';
import { AnalysisEndings } from './attempts/analysis-endings.service.js';
import { AnalysisRetries } from './attempts/analysis-retries.service.js';
import { AnalysisSweep } from './attempts/analysis-sweep.job.js';
import { AnalysisTrouble } from './attempts/analysis-trouble.service.js';
import { AnalysisWorker } from './attempts/analysis-worker.service.js';

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
    AnalysisAnswers,
    AnalysisAsker,
    AnalysisAttempt,
    AnalysisBatches,
    AnalysisCallOffs,
    AnalysisCancellations,
    AnalysisClaims,
    AnalysisDispatch,
    AnalysisEndings,
    AnalysisHolds,
    AnalysisIntake,
    AnalysisKinds,
    AnalysisPersonalData,
    AnalysisPlaces,
    AnalysisProgress,
    AnalysisRecords,
    AnalysisRenewals,
    AnalysisRetries,
    AnalysisSettler,
    AnalysisSubmission,
    AnalysisSummary,
    AnalysisSweep,
    AnalysisTrouble,
    AnalysisWorker,
    AnswerCache,
    BatchAsker,
    DeadLetters,
    OlderAnalysisImport,
    OtherModels,
    RecoveryLog,
    UpgradeAttempt,
    UpgradeEndings,
    UpgradeWorker,
  ],
})
export class AnalysisModule {}
