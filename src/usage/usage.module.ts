import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { CreditsModule } from '../credits/credits.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { HoldBatches } from './hold-batches.service.js';
import { MeteringService } from './metering.service.js';
import { ReconciliationController } from './reconciliation.controller.js';
import { ReconciliationJob } from './reconciliation.job.js';
import { ReconciliationService } from './reconciliation.service.js';
import { TokenUsage } from './token-usage.entity.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

@Module({
  imports: [MikroOrmModule.forFeature([TokenUsage]), CreditsModule, SubscriptionModule, MonitoringModule],
  controllers: [UsageController, ReconciliationController],
  providers: [HoldBatches, MeteringService, UsageService, ReconciliationService, ReconciliationJob],
  exports: [MeteringService, UsageService, ReconciliationService],
})
export class UsageModule {}
