import { type DynamicModule, Module } from '@nestjs/common';
import { AnalysisModule } from './analysis/analysis.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CommonModule } from './common/common.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Config } from './config/config.js';
import { CreditsModule } from './credits/credits.module.js';
import { DatabaseModule } from './database/database.module.js';
import { DistributionModule } from './distribution/distribution.module.js';
import { GenerationModule } from './generation/generation.module.js';
import { InferenceModule } from './inference/inference.module.js';
import { JobsModule } from './jobs/jobs.module.js';
import { ModelsModule } from './models/models.module.js';
import { MonitoringModule } from './monitoring/monitoring.module.js';
import { SubscriptionModule } from './subscription/subscription.module.js';
import { UsageModule } from './usage/usage.module.js';

/** The table of contents: every module of the product, lowest first. */
@Module({})
export class AppModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        CommonModule,
        DatabaseModule,
        MonitoringModule,
        JobsModule.forRoot(config),
        AuthModule,
        DistributionModule,
        ModelsModule,
        CreditsModule,
        SubscriptionModule,
        UsageModule,
        InferenceModule,
        GenerationModule,
        AnalysisModule,
      ],
    };
  }
}
