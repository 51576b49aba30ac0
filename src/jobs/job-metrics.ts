import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { Metrics } from '../monitoring/metrics.js';
import { JobFailureService } from './job-failure.service.js';
import type { JobRun } from './job-run.entity.js';
import { JobRegistry } from './job-registry.js';

const DURATION_BUCKETS_SECONDS = [0.01, 0.1, 1, 10, 60, 600, 3_600];

/**
 * Runs are counted by the process they ran in; last runs and open failures are those of the installation, whoever is asked: a worker has no
 * metrics of its own, and where nothing runs at all nothing is counted.
 */
@Injectable()
export class JobMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly registry: JobRegistry,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    const registers = [this.metrics.registry];
    const runs = new Counter({
      name: 'tollgate_job_runs_total',
      help: 'Finished runs of jobs in this process',
      labelNames: ['job', 'outcome'],
      registers,
    });
    const durations = new Histogram({
      name: 'tollgate_job_duration_seconds',
      help: 'How long runs of jobs took in this process',
      labelNames: ['job'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
    this.registry.onRun(({ job, outcome, durationMs }) => {
      runs.inc({ job, outcome });
      durations.observe({ job }, durationMs / 1_000);
    });
    const read = (gauge: Gauge): Promise<void> => this.metrics.orNothing(gauge, () => this.readOpen(gauge));
    new Gauge({
      name: 'tollgate_job_failures_open',
      help: 'Failures of background work that are neither retried nor dismissed',
      labelNames: ['job'],
      registers,
      collect() {
        return read(this);
      },
    });
    this.showLastRuns(
      'timestamp_seconds',
      'When the last run of the job ended',
      (run) => run.finishedAt.getTime() / 1_000,
    );
    this.showLastRuns('failed', 'Whether the last run of the job failed', (run) => Number(run.outcome === 'failed'));
  }

  private showLastRuns(name: string, help: string, valueOf: (run: JobRun) => number): void {
    const read = (gauge: Gauge): Promise<void> =>
      this.metrics.orNothing(gauge, async () => {
        const runs = await this.registry.lastRuns();
        for (const { name: job } of this.registry.list()) {
          const run = runs.get(job);
          if (run) gauge.set({ job }, valueOf(run));
        }
      });
    new Gauge({
      name: `tollgate_job_last_run_${name}`,
      help: `${help}, on any replica or worker`,
      labelNames: ['job'],
      registers: [this.metrics.registry],
      collect() {
        return read(this);
      },
    });
  }

  private async readOpen(gauge: Gauge): Promise<void> {
    const open = await this.failures.countOpen();
    for (const { name } of this.registry.list()) gauge.set({ job: name }, 0);
    for (const [job, count] of Object.entries(open)) gauge.set({ job }, count);
  }
}
