import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { CreditsModule } from '../credits/credits.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { HoldBatches } from './hold-batches.service.js';
import { LedgerAdminController } from './ledger/ledger.admin.controller.js';
import { UsageLedgerService } from './ledger/usage-ledger.service.js';
import { LimitsController } from './limits.controller.js';
import { MeteringService } from './metering.service.js';
import { ModelsModule } from '../models/models.module.js';
import { ModelUsageAdminController } from './model-usage.admin.controller.js';
import { ModelUsageService } from './model-usage.service.js';
import { ReconciliationController } from './reconciliation.controller.js';
import { ReconciliationJob } from './reconciliation.job.js';
import { ReconciliationService } from './reconciliation.service.js';
import { UsageRollupJob } from './rollup/usage-rollup.job.js';
import { UsageRollupService } from './rollup/usage-rollup.service.js';
import { UsageConsole } from './reports/usage-console.service.js';
import { UsageReportAdminController } from './reports/usage-report.admin.controller.js';
import { UsageReportService } from './reports/usage-report.service.js';
import { TokenUsage } from './token-usage.entity.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';
import { UsagePersonalData } from './usage-personal-data.js';

@Module({
  imports: [MikroOrmModule.forFeature([TokenUsage]), CreditsModule, ModelsModule, SubscriptionModule, MonitoringModule],
  controllers: [
    LimitsController,
    UsageController,
    ModelUsageAdminController,
    ReconciliationController,
    LedgerAdminController,
    UsageReportAdminController,
  ],
  providers: [
    UsagePersonalData,
    HoldBatches,
    MeteringService,
    UsageService,
    ModelUsageService,
    ReconciliationService,
    ReconciliationJob,
    UsageRollupService,
    UsageRollupJob,
    UsageLedgerService,
    UsageReportService,
    UsageConsole,
  ],
  exports: [MeteringService, UsageService, ReconciliationService],
})
export class UsageModule {}
