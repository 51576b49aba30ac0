import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobFailureService } from '../jobs/job-failure.service.js';
import { JobRegistry, type JobSummary } from '../jobs/job-registry.js';
import { ModelLifecycleService } from './model-lifecycle.service.js';

const JOB = 'sunset-models';
const ENTITY = 'model';

/** Archives models on the day that their users were told. */
@Injectable()
export class ModelSunsetJob implements OnModuleInit {
  constructor(
    private readonly lifecycles: ModelLifecycleService,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: JOB, cron: '*/5 * * * *', run: (now, signal) => this.run(now, signal) });
    this.failures.onRetry(JOB, async ({ entityId }, now) => {
      await this.lifecycles.sunset(entityId, now);
    });
  }

  private async run(now: Date, signal: AbortSignal): Promise<JobSummary> {
    const summary = { archived: 0, failed: 0 };
    for (const id of await this.lifecycles.dueForSunset(now)) {
      if (signal.aborted) break;
      try {
        await this.lifecycles.sunset(id, now);
        await this.failures.resolve(JOB, ENTITY, id, now);
        summary.archived += 1;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        await this.failures.record({ job: JOB, entity: ENTITY, entityId: id, reason }, now);
        summary.failed += 1;
      }
    }
    return summary;
  }
}
