import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { AllowanceService } from './allowance.service.js';
import { CreditsAdminController } from './credits.admin.controller.js';
import { CreditsController } from './credits.controller.js';
import { CreditsService } from './credits.service.js';
import { Grant } from './grant.entity.js';
import { HoldService } from './hold.service.js';
import { HoldSweeper } from './hold-sweeper.js';
import { Hold } from './hold.entity.js';
import { PeriodClose } from './period-close.entity.js';

@Module({
  imports: [MikroOrmModule.forFeature([Grant, Hold, PeriodClose])],
  controllers: [CreditsController, CreditsAdminController],
  providers: [AllowanceService, CreditsService, HoldService, HoldSweeper],
  exports: [AllowanceService, CreditsService, HoldService, HoldSweeper],
})
export class CreditsModule {}
