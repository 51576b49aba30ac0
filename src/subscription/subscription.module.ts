import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { CreditsModule } from '../credits/credits.module.js';
import { PeriodCloseService } from './period-close.service.js';
import { PlanService } from './plan.service.js';
import { SubscriptionController } from './subscription.controller.js';
import { Subscription } from './subscription.entity.js';
import { SubscriptionOpener } from './subscription-opener.js';
import { SubscriptionService } from './subscription.service.js';

@Module({
  imports: [MikroOrmModule.forFeature([Subscription]), CreditsModule],
  controllers: [SubscriptionController],
  providers: [PeriodCloseService, PlanService, SubscriptionOpener, SubscriptionService],
  exports: [PlanService, SubscriptionService],
})
export class SubscriptionModule {}
