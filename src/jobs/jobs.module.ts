import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { DatabaseModule } from '../database/database.module.js';
import { MonitoringModule } from '../monitoring/monitoring.module.js';
import { MonthArchiveJob } from './archive/month-archive.job.js';
import { MonthArchive } from './archive/month-archive.service.js';
import { ClockAdminController } from './clock.admin.controller.js';
import { ClockAdminService } from './clock-admin.service.js';
import { EventStreams } from './events/event-streams.service.js';
import { HotTableScansJob } from './hot-table-scans.job.js';
import { JobAdminService } from './job-admin.service.js';
import { JobFailureRepository } from './job-failure.repository.js';
import { JobFailureService } from './job-failure.service.js';
import { JobMetrics } from './job-metrics.js';
import { JobFailuresAdminController } from './job-failures.admin.controller.js';
import { JobRegistry } from './job-registry.js';
import { JobScheduler } from './job-scheduler.js';
import { JobsAdminController } from './jobs.admin.controller.js';
import { MonitoringRetentionJob } from './monitoring-retention.job.js';
import { PartitionsJob } from './partitions.job.js';
import { QueueMetrics } from './queue/queue-metrics.js';
import { QueueServer } from './queue/queue-server.js';
import { WorkQueues } from './queue/work-queues.service.js';
import { TestClockService } from './test-clock.service.js';

/** Background work, and the test clock that moves it. Each module registers its jobs in `onModuleInit`. */
@Global()
@Module({
  imports: [DatabaseModule, MonitoringModule],
  controllers: [JobsAdminController, JobFailuresAdminController],
  providers: [
    ClockAdminService,
    HotTableScansJob,
    EventStreams,
    JobAdminService,
    JobFailureRepository,
    JobFailureService,
    JobMetrics,
    JobRegistry,
    JobScheduler,
    MonthArchive,
    MonthArchiveJob,
    MonitoringRetentionJob,
    PartitionsJob,
    QueueMetrics,
    QueueServer,
    TestClockService,
    WorkQueues,
  ],
  exports: [EventStreams, JobFailureService, JobRegistry, WorkQueues],
})
export class JobsModule {
  /** Outside a sandbox nobody can move the clock: the route is not there. */
  static forRoot(config: Config): DynamicModule {
    return { module: JobsModule, controllers: config.sandbox ? [ClockAdminController] : [] };
  }
}
