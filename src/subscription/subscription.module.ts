import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { CreditsModule } from '../credits/credits.module.js';
import { PlanService } from './plan.service.js';
import { SubscriptionController } from './subscription.controller.js';
import { Subscription } from './subscription.entity.js';
import { SubscriptionService } from './subscription.service.js';

@Module({
  imports: [MikroOrmModule.forFeature([Subscription]), CreditsModule],
  controllers: [SubscriptionController],
  providers: [PlanService, SubscriptionService],
  exports: [PlanService, SubscriptionService],
})
export class SubscriptionModule {}
