import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { CreditsModule } from '../credits/credits.module.js';
import { PeriodCloseService } from './period-close.service.js';
import { PlanAdminController } from './plan.admin.controller.js';
import { PlanChangeService } from './plan-change.service.js';
import { PlanService } from './plan.service.js';
import { RolloverAdminController } from './rollover.admin.controller.js';
import { RolloverService } from './rollover.service.js';
import { SubscriptionActionsController } from './subscription-actions.admin.controller.js';
import { SubscriptionAdminController } from './subscription.admin.controller.js';
import { SubscriptionController } from './subscription.controller.js';
import { Subscription } from './subscription.entity.js';
import { SubscriptionAudit } from './subscription-audit.js';
import { SubscriptionBooks } from './subscription-books.js';
import { SubscriptionLifecycleService } from './subscription-lifecycle.service.js';
import { SubscriptionOpener } from './subscription-opener.js';
import { SubscriptionService } from './subscription.service.js';
import { SubscriptionPersonalData } from './subscription-personal-data.js';

@Module({
  imports: [MikroOrmModule.forFeature([Subscription]), CreditsModule, MonitoringModule],
  controllers: [
    RolloverAdminController,
    PlanAdminController,
    SubscriptionActionsController,
    SubscriptionAdminController,
    SubscriptionController,
  ],
  providers: [
    SubscriptionPersonalData,
    PeriodCloseService,
    PlanChangeService,
    PlanService,
    RolloverService,
    SubscriptionAudit,
    SubscriptionBooks,
    SubscriptionLifecycleService,
    SubscriptionOpener,
    SubscriptionService,
  ],
  exports: [
    RolloverService,
    PeriodCloseService,
    PlanChangeService,
    PlanService,
    SubscriptionLifecycleService,
    SubscriptionService,
  ],
})
export class SubscriptionModule {}
