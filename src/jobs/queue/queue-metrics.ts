import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge, Histogram } from 'prom-client';
import { Metrics } from '../../monitoring/metrics.js';
import { WorkQueues } from './work-queues.service.js';

const DURATION_BUCKETS_SECONDS = [0.01, 0.05, 0.2, 1, 5, 20, 60, 300];

/** Runs are counted by the process they ran in; what waits is that of the installation, whoever is asked. */
@Injectable()
export class QueueMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly queues: WorkQueues,
    private readonly em: EntityManager,
  ) {}

  onModuleInit(): void {
    const registers = [this.metrics.registry];
    const runs = new Counter({
      name: 'tollgate_queue_runs_total',
      help: 'Jobs of queues that this process has run',
      labelNames: ['queue', 'outcome'],
      registers,
    });
    const durations = new Histogram({
      name: 'tollgate_queue_run_seconds',
      help: 'How long jobs of queues took in this process',
      labelNames: ['queue'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
    this.queues.onEnd(({ queue, durationMs, failure }) => {
      runs.inc({ queue, outcome: failure ? 'failed' : 'completed' });
      durations.observe({ queue }, durationMs / 1_000);
    });
    const read = (gauge: Gauge): Promise<void> => this.metrics.orNothing(gauge, () => this.readJobs(gauge));
    const readOldest = (gauge: Gauge): Promise<void> => this.metrics.orNothing(gauge, () => this.readOldest(gauge));
    new Gauge({
      name: 'tollgate_queue_jobs',
      help: 'Jobs that wait (ready or delayed) or are under way',
      labelNames: ['queue', 'state'],
      registers,
      collect() {
        return read(this);
      },
    });
    new Gauge({
      name: 'tollgate_queue_oldest_ready_seconds',
      help: 'How long the job has been ready that waits longest, 0 where none does',
      labelNames: ['queue'],
      registers,
      collect() {
        return readOldest(this);
      },
    });
  }

  private async readJobs(gauge: Gauge): Promise<void> {
    const names = this.queues.names();
    if (names.length === 0) return;
    const rows = await this.em.fork().execute<{ queue: string; state: string; jobs: number }[]>(JOBS_SQL, [names]);
    for (const queue of names) for (const state of ['ready', 'delayed', 'active']) gauge.set({ queue, state }, 0);
    for (const { queue, state, jobs } of rows) gauge.set({ queue, state }, jobs);
  }

  private async readOldest(gauge: Gauge): Promise<void> {
    const names = this.queues.names();
    if (names.length === 0) return;
    const rows = await this.em.fork().execute<{ queue: string; seconds: number }[]>(OLDEST_SQL, [names]);
    for (const queue of names) gauge.set({ queue }, 0);
    for (const { queue, seconds } of rows) gauge.set({ queue }, seconds);
  }
}

const OLDEST_SQL = `
  select name as queue, extract(epoch from now() - min(start_after))::float8 as seconds
  from pgboss.job where name in (?) and state < 'active' and start_after <= now() group by 1`;

const JOBS_SQL = `
  select name as queue, count(*)::integer as jobs,
    case when state = 'active' then 'active' when start_after > now() then 'delayed' else 'ready' end as state
  from pgboss.job where name in (?) and state <= 'active' group by 1, 3`;
