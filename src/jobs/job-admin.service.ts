import { Injectable } from '@nestjs/common';
import { AppError } from '../common/errors/app-error.js';
import { Clock, WallClock } from '../common/clock.js';
import { type AuditCause, AuditTrail } from '../monitoring/audit-trail.service.js';
import { reasonOf } from './failure-reason.js';
import { type Job, JobRegistry, type JobSummary } from './job-registry.js';
import type { JobRun } from './job-run.entity.js';
import { JobScheduler } from './job-scheduler.js';
import { JobRunFailedError } from './jobs.errors.js';

export interface ScheduledJob {
  job: Job;
  lastRun: JobRun | null;
  nextRunAt: Date;
}

/** What operators see of the jobs, and the run they ask for. */
@Injectable()
export class JobAdminService {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly registry: JobRegistry,
    private readonly scheduler: JobScheduler,
    private readonly clock: Clock,
    private readonly wall: WallClock,
    private readonly audit: AuditTrail,
  ) {}

  async list(): Promise<ScheduledJob[]> {
    const runs = await this.registry.lastRuns();
    const now = this.wall.now();
    return Promise.all(
      this.registry.list().map(async (job) => ({
        job,
        lastRun: runs.get(job.name) ?? null,
        nextRunAt: await this.scheduler.nextRunAt(job, now),
      })),
    );
  }

  /**
   * Runs a job in this process, waits for it, and writes down what came of it.
   * @throws JobNotFoundError, or JobRunFailedError with the reason
   */
  async run(name: string, cause: AuditCause): Promise<{ job: string; ranAt: Date; summary: JobSummary }> {
    const before = toRunLine((await this.registry.lastRuns()).get(name));
    const ranAt = this.clock.now();
    const note = (after: object): Promise<void> =>
      this.audit.record({ action: 'job.run', entity: 'job', entityId: name, before, after }, cause, this.wall.now());
    try {
      const summary = await this.registry.runNow(name, ranAt);
      await note({ ranAt, outcome: 'completed', summary });
      return { job: name, ranAt, summary };
    } catch (error) {
      if (error instanceof AppError) throw error;
      const reason = reasonOf(error);
      await note({ ranAt, outcome: 'failed', reason });
      throw new JobRunFailedError(name, reason, error);
    }
  }
}

function toRunLine(run: JobRun | undefined): object | null {
  if (!run) return null;
  const { ranAt, outcome, summary, reason } = run;
  return { ranAt, outcome, summary, reason };
}
