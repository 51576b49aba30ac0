import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { DatabaseModule } from '../database/database.module.js';
import { ApiUsageAdminController } from './api-usage/api-usage.admin.controller.js';
import { ApiUsageCounter } from './api-usage/api-usage-counter.service.js';
import { AdminRequests } from './audit/admin-requests.service.js';
import { AuditTrailAdminController } from './audit/audit-trail.admin.controller.js';
import { AuditTrail } from './audit-trail.service.js';
import { DatabaseAdminController } from './database/database.admin.controller.js';
import { DatabaseReport } from './database/database-report.service.js';
import { HotTableWatch } from './database/hot-table-watch.service.js';
import { FeatureFlagAdmin } from './flags/feature-flag-admin.service.js';
import { FeatureFlags } from './flags/feature-flags.service.js';
import { FeatureFlagsAdminController } from './flags/feature-flags.admin.controller.js';
import { HealthController } from './health.controller.js';
import { loggerOptions } from './logger-options.js';
import { Metrics } from './metrics.js';
import { MetricsController } from './metrics.controller.js';
import { MonitoringPersonalData } from './monitoring-personal-data.js';
import { PerformanceAdminController } from './performance/performance.admin.controller.js';
import { PerformanceSampler } from './performance/performance-sampler.service.js';
import { RequestTimes } from './performance/request-times.js';
import { PoolMetrics } from './pool-metrics.js';
import { LogBuffer } from './system-logs/log-buffer.js';
import { SystemLogWriter } from './system-logs/system-log-writer.service.js';
import { SystemLogsAdminController } from './system-logs/system-logs.admin.controller.js';
import { Tracing } from './tracing/tracing.js';
import { TracingModule } from './tracing/tracing.module.js';

/** Apart, because the logger is made before anything that needs a database. */
@Module({ providers: [LogBuffer], exports: [LogBuffer] })
class LogBufferModule {}

@Module({
  imports: [
    DatabaseModule,
    LogBufferModule,
    TracingModule,
    LoggerModule.forRootAsync({
      imports: [LogBufferModule, TracingModule],
      inject: [Config, LogBuffer, Tracing],
      useFactory: loggerOptions,
    }),
  ],
  controllers: [
    ApiUsageAdminController,
    AuditTrailAdminController,
    DatabaseAdminController,
    FeatureFlagsAdminController,
    HealthController,
    MetricsController,
    PerformanceAdminController,
    SystemLogsAdminController,
  ],
  providers: [
    AdminRequests,
    ApiUsageCounter,
    AuditTrail,
    DatabaseReport,
    FeatureFlagAdmin,
    FeatureFlags,
    HotTableWatch,
    Metrics,
    MonitoringPersonalData,
    PerformanceSampler,
    PoolMetrics,
    RequestTimes,
    SystemLogWriter,
  ],
  exports: [ApiUsageCounter, AuditTrail, FeatureFlags, HotTableWatch, Metrics, TracingModule],
})
export class MonitoringModule {}
