import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { CreditsModule } from '../credits/credits.module.js';
import { SubscriptionModule } from '../subscription/subscription.module.js';
import { HoldBatches } from './hold-batches.service.js';
import { MeteringService } from './metering.service.js';
import { ReconciliationController } from './reconciliation.controller.js';
import { ReconciliationService } from './reconciliation.service.js';
import { TokenUsage } from './token-usage.entity.js';
import { UsageController } from './usage.controller.js';
import { UsageService } from './usage.service.js';

@Module({
  imports: [MikroOrmModule.forFeature([TokenUsage]), CreditsModule, SubscriptionModule],
  controllers: [UsageController, ReconciliationController],
  providers: [HoldBatches, MeteringService, UsageService, ReconciliationService],
  exports: [MeteringService, UsageService, ReconciliationService],
})
export class UsageModule {}
