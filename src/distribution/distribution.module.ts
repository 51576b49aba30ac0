import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { DistributionPersonalData } from './distribution-personal-data.js';
import { IntakeAdminController } from './intake/intake.admin.controller.js';
import { IntakeAdminService } from './intake/intake-admin.service.js';
import { IntakeController } from './intake/intake.controller.js';
import { IntakeGate } from './intake/intake-gate.js';
import { IntakeRates } from './intake/intake-rates.js';
import { IntakeRetention } from './intake/intake-retention.job.js';
import { IntakeService } from './intake/intake.service.js';
import { ReleaseAdminService } from './releases/release-admin.service.js';
import { ReleaseService } from './releases/release.service.js';
import { ReleasesAdminController } from './releases/releases.admin.controller.js';
import { ReleasesController } from './releases/releases.controller.js';
import { UpdateFeedsController } from './releases/update-feeds.controller.js';

/** What a desktop app needs beside its API: its releases, and where it sends what went wrong. */
@Module({
  imports: [AuthModule, DatabaseModule, MonitoringModule],
  controllers: [
    ReleasesController,
    ReleasesAdminController,
    UpdateFeedsController,
    IntakeController,
    IntakeAdminController,
  ],
  providers: [
    DistributionPersonalData,
    IntakeAdminService,
    IntakeGate,
    IntakeRates,
    IntakeRetention,
    IntakeService,
    ReleaseAdminService,
    ReleaseService,
  ],
})
export class DistributionModule {}
