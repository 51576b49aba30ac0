import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobRegistry } from '../../jobs/job-registry.js';
import { RETENTION_JOB } from './orphaned-generations.service.js';
import { GenerationRetention } from './generation-retention.service.js';

/** Has old runs deleted and archived every night. */
@Injectable()
export class GenerationRetentionJob implements OnModuleInit {
  constructor(
    private readonly retention: GenerationRetention,
    private readonly jobs: JobRegistry,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: RETENTION_JOB,
      cron: '34 2 * * *',
      run: async (now, signal) => ({ ...(await this.retention.run(now, signal)) }),
    });
  }
}
