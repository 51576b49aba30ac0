import { Global, Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { JobAdminService } from './job-admin.service.js';
import { JobFailureRepository } from './job-failure.repository.js';
import { JobFailureService } from './job-failure.service.js';
import { JobFailuresAdminController } from './job-failures.admin.controller.js';
import { JobRegistry } from './job-registry.js';
import { JobScheduler } from './job-scheduler.js';
import { JobsAdminController } from './jobs.admin.controller.js';

/** Background work. Each module registers its jobs in `onModuleInit`. */
@Global()
@Module({
  imports: [DatabaseModule],
  controllers: [JobsAdminController, JobFailuresAdminController],
  providers: [JobRegistry, JobScheduler, JobAdminService, JobFailureRepository, JobFailureService],
  exports: [JobRegistry, JobFailureService],
})
export class JobsModule {}
