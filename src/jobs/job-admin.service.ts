import { Injectable } from '@nestjs/common';
import { AppError } from '../common/errors/app-error.js';
import { Clock, WallClock } from '../common/clock.js';
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
  constructor(
    private readonly registry: JobRegistry,
    private readonly scheduler: JobScheduler,
    private readonly clock: Clock,
    private readonly wall: WallClock,
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
   * Runs a job in this process and waits for it.
   * @throws JobNotFoundError, or JobRunFailedError with the reason
   */
  async run(name: string): Promise<{ job: string; ranAt: Date; summary: JobSummary }> {
    const ranAt = this.clock.now();
    try {
      return { job: name, ranAt, summary: await this.registry.runNow(name, ranAt) };
    } catch (error) {
      throw error instanceof AppError ? error : new JobRunFailedError(name, reasonOf(error), error);
    }
  }
}
