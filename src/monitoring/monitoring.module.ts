import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { DatabaseModule } from '../database/database.module.js';
import { AuditTrail } from './audit-trail.service.js';
import { HealthController } from './health.controller.js';
import { loggerOptions } from './logger-options.js';
import { Metrics } from './metrics.js';
import { MetricsController } from './metrics.controller.js';
import { PoolMetrics } from './pool-metrics.js';
import { Tracing } from './tracing/tracing.js';
import { TracingModule } from './tracing/tracing.module.js';

@Module({
  imports: [
    DatabaseModule,
    TracingModule,
    LoggerModule.forRootAsync({ imports: [TracingModule], inject: [Config, Tracing], useFactory: loggerOptions }),
  ],
  controllers: [HealthController, MetricsController],
  providers: [AuditTrail, Metrics, PoolMetrics],
  exports: [AuditTrail, Metrics, TracingModule],
})
export class MonitoringModule {}
