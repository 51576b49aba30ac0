import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { WallClock } from '../common/clock.js';
import { reasonOf } from './failure-reason.js';
import { JobRun, type JobOutcome } from './job-run.entity.js';
import { JobNotFoundError } from './jobs.errors.js';

/** How long a stopping process waits for a job that was told to end; what it leaves is done by the next run. */
const STOP_MS_MAX = 3_000;

/** Counted outcomes, e.g. `{ closed: 12, failed: 0 }`. */
export type JobSummary = Record<string, number>;

export interface Job {
  /** Lower case and dashes, e.g. `close-periods`. */
  name: string;
  /** UTC, minute granularity, and only a wake-up: `run` decides what is due. */
  cron: string;
  /** Does what is due at `now`: idempotent, safe on every replica at once, and soon at an end when `signal` aborts. */
  run(now: Date, signal: AbortSignal): Promise<JobSummary>;
}

/** One finished run, for whoever counts them. */
export interface FinishedRun {
  job: string;
  outcome: JobOutcome;
  durationMs: number;
}

/** The background work of all modules, which register theirs in `onModuleInit`. Running a job here runs it in this process, now. */
@Injectable()
export class JobRegistry implements OnModuleDestroy {
  private readonly logger = new Logger(JobRegistry.name);
  private readonly jobs = new Map<string, Job>();
  private readonly observers: ((run: FinishedRun) => void)[] = [];
  private readonly running = new Set<Promise<unknown>>();
  private readonly stopping = new AbortController();

  constructor(
    private readonly em: EntityManager,
    private readonly wall: WallClock,
  ) {}

  register(job: Job): void {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(job.name)) throw new Error(`"${job.name}" is no name for a job`);
    if (this.jobs.has(job.name)) throw new Error(`the job ${job.name} is registered twice`);
    this.jobs.set(job.name, job);
  }

  list(): readonly Job[] {
    return [...this.jobs.values()];
  }

  /** Calls `observer` after every run in this process. */
  onRun(observer: (run: FinishedRun) => void): void {
    this.observers.push(observer);
  }

  /**
   * Runs one job to its end.
   * @throws JobNotFoundError naming those that exist, and whatever the job throws; the run is then logged and recorded as failed, but for one
   * that the end of the process has cut off: nothing is recorded of that, so that it is run again at the next start.
   */
  async runNow(name: string, now: Date, signal: AbortSignal = this.stopping.signal): Promise<JobSummary> {
    const job = this.jobs.get(name);
    if (!job) throw new JobNotFoundError(name, [...this.jobs.keys()]);
    const run = this.run(job, now, AbortSignal.any([signal, this.stopping.signal]));
    this.running.add(run);
    try {
      return await run;
    } finally {
      this.running.delete(run);
    }
  }

  /** Runs every job, in the order of registration; one that fails has the summary `{ failed: 1 }` and keeps no other from running. */
  async runAll(now: Date): Promise<Record<string, JobSummary>> {
    const summaries: Record<string, JobSummary> = {};
    for (const { name } of this.list()) summaries[name] = await this.runNow(name, now).catch(() => ({ failed: 1 }));
    return summaries;
  }

  /** By job, over all replicas. */
  async lastRuns(): Promise<Map<string, JobRun>> {
    return new Map((await this.em.fork().find(JobRun, {})).map((run) => [run.job, run]));
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort(new Error('the process is stopping'));
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => (timer = setTimeout(resolve, STOP_MS_MAX)));
    await Promise.race([Promise.allSettled(this.running), patience]);
    clearTimeout(timer);
  }

  private async run(job: Job, now: Date, signal: AbortSignal): Promise<JobSummary> {
    const began = performance.now();
    try {
      const summary = await job.run(now, signal);
      await this.finish(job, now, { outcome: 'completed', summary, began });
      return summary;
    } catch (error) {
      if (this.stopping.signal.aborted) {
        // It has not failed, and is overdue: the next start runs it.
        this.logger.warn({ err: error, job: job.name }, `the job ${job.name} was cut off by the end of its process`);
        throw error;
      }
      this.logger.error({ err: error, job: job.name }, `the job ${job.name} failed; its next run tries again`);
      await this.finish(job, now, { outcome: 'failed', summary: {}, reason: reasonOf(error), began });
      throw error;
    }
  }

  /** A run that cannot be recorded has run all the same. */
  private async finish(
    job: Job,
    now: Date,
    run: { outcome: JobOutcome; summary: JobSummary; reason?: string; began: number },
  ): Promise<void> {
    const durationMs = Math.round(performance.now() - run.began);
    for (const observer of this.observers) observer({ job: job.name, outcome: run.outcome, durationMs });
    const finishedAt = this.wall.now();
    try {
      await this.em.fork().upsert(JobRun, {
        job: job.name,
        ranAt: now,
        finishedAt,
        durationMs,
        outcome: run.outcome,
        summary: run.summary,
        reason: run.reason ?? null,
        updatedAt: finishedAt,
      });
    } catch (error) {
      this.logger.error({ err: error, job: job.name }, 'the run of a job could not be recorded');
    }
  }
}
