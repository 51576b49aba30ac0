import { Global, Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { JobFailureRepository } from './job-failure.repository.js';
import { JobFailureService } from './job-failure.service.js';
import { JobRegistry } from './job-registry.js';

/** Background work. Each module registers its jobs in `onModuleInit`. */
@Global()
@Module({
  imports: [DatabaseModule],
  providers: [JobRegistry, JobFailureRepository, JobFailureService],
  exports: [JobRegistry, JobFailureService],
})
export class JobsModule {}
