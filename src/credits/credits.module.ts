import { MikroOrmModule } from '@mikro-orm/nestjs';
import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { AccountRecords } from './account-records.service.js';
import { AccountsAdminController } from './accounts.admin.controller.js';
import { AllowanceService } from './allowance.service.js';
import { CreditsAdminController } from './credits.admin.controller.js';
import { CreditJobs } from './credit-jobs.js';
import { CreditsController } from './credits.controller.js';
import { CreditsService } from './credits.service.js';
import { ExpiryNoticeService } from './expiry-notice.service.js';
import { Grant } from './grant.entity.js';
import { GrantExpiryService } from './grant-expiry.service.js';
import { HoldService } from './hold.service.js';
import { HoldSweeper } from './hold-sweeper.js';
import { HoldExpirer } from './hold-expirer.service.js';
import { Hold } from './hold.entity.js';
import { HoldsAdminController } from './holds.admin.controller.js';
import { IdempotencyCleanup } from './idempotency-cleanup.js';
import { IdempotentRequests } from './idempotent-requests.service.js';
import { LedgerService } from './ledger.service.js';
import { PeriodClose } from './period-close.entity.js';
import { CreditPosting } from './posting.entity.js';
import { PostingsAdminController } from './postings.admin.controller.js';
import { StoredAnswers } from './stored-answers.service.js';
import { CreditsPersonalData } from './credits-personal-data.js';

@Module({
  imports: [MikroOrmModule.forFeature([Grant, Hold, PeriodClose, CreditPosting]), AuthModule, MonitoringModule],
  controllers: [
    CreditsController,
    CreditsAdminController,
    PostingsAdminController,
    AccountsAdminController,
    HoldsAdminController,
  ],
  providers: [
    CreditsPersonalData,
    AccountRecords,
    AllowanceService,
    CreditJobs,
    CreditsService,
    ExpiryNoticeService,
    GrantExpiryService,
    HoldService,
    HoldSweeper,
    HoldExpirer,
    IdempotencyCleanup,
    IdempotentRequests,
    LedgerService,
    StoredAnswers,
  ],
  exports: [
    AllowanceService,
    CreditsService,
    ExpiryNoticeService,
    GrantExpiryService,
    HoldService,
    HoldSweeper,
    StoredAnswers,
  ],
})
export class CreditsModule {}
