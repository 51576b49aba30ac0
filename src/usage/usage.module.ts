import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { CreditsModule } from '../credits/credits.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { BudgetAdminController } from './budgets/budget.admin.controller.js';
import { BudgetEvaluator } from './budgets/budget-evaluator.service.js';
import { BudgetService } from './budgets/budget.service.js';
import { HardStops } from './budgets/hard-stops.service.js';
import { HoldBatches } from './hold-batches.service.js';
import { ProviderUsageAdminController } from './imports/provider-usage.admin.controller.js';
import { ProviderUsageService } from './imports/provider-usage.service.js';
import { UsageDriftService } from './imports/usage-drift.service.js';
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
import { UsageUpdate } from './rollup/usage-update.service.js';
import { UsageConsole } from './reports/usage-console.service.js';
import { UsageReportAdminController } from './reports/usage-report.admin.controller.js';
import { UsageReportService } from './reports/usage-report.service.js';
import { TokenUsage } from './token-usage.entity.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';
import { UsagePersonalData } from './usage-personal-data.js';
import { WebhookAdminController } from './webhooks/webhook.admin.controller.js';
import { WebhookCleanup } from './webhooks/webhook-cleanup.job.js';
import { WebhookClient } from './webhooks/webhook-client.js';
import { WebhookDeliveryJob } from './webhooks/webhook-delivery.job.js';
import { WebhookDeliveries } from './webhooks/webhook-delivery.service.js';
import { WebhookService } from './webhooks/webhook.service.js';

@Module({
  imports: [
    MikroOrmModule.forFeature([TokenUsage]),
    AuthModule,
    CreditsModule,
    DatabaseModule,
    ModelsModule,
    SubscriptionModule,
    MonitoringModule,
  ],
  controllers: [
    LimitsController,
    UsageController,
    ModelUsageAdminController,
    ReconciliationController,
    LedgerAdminController,
    UsageReportAdminController,
    BudgetAdminController,
    WebhookAdminController,
    ProviderUsageAdminController,
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
    UsageUpdate,
    UsageRollupJob,
    UsageLedgerService,
    UsageReportService,
    UsageConsole,
    BudgetService,
    WebhookService,
    WebhookClient,
    WebhookDeliveries,
    WebhookDeliveryJob,
    WebhookCleanup,
    BudgetEvaluator,
    HardStops,
    ProviderUsageService,
    UsageDriftService,
  ],
  exports: [HardStops, MeteringService, UsageService, ReconciliationService],
})
export class UsageModule {}
