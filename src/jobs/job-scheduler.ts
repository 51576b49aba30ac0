import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { PgBoss } from 'pg-boss';
import { Clock, WallClock } from '../common/clock.js';
import { type Job, JobRegistry } from './job-registry.js';
import { QueueServer } from './queue/queue-server.js';

/** A schedule has the granularity of a minute; each queue costs one small query per interval and replica. */
const POLL_SECONDS = 10;
/** A runner that was killed is noticed after about a minute and a half, and the next tick may run the job again. */
const HEARTBEAT_SECONDS = 30;
const RUN_SECONDS_MAX = 4 * 3_600;
/** The queue's own history; what people look at is the last run. */
const HISTORY_SECONDS = 24 * 3_600;

/**
 * Wakes the registered jobs by their schedules: every replica ticks, and each tick of a job has one runner over all of them, because its
 * queue holds at most one entry. A tick that finds the job running is dropped; what it would have done the next one does. Of those that passed
 * while nobody could look, the last is made up for.
 */
@Injectable()
export class JobScheduler implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly workers = new Map<string, string>();

  constructor(
    private readonly queue: QueueServer,
    private readonly registry: JobRegistry,
    private readonly clock: Clock,
    private readonly wall: WallClock,
  ) {}

  /** Only a serving process gets here: commands do not initialise the application. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.queue.runsJobs) return;
    const boss = await this.queue.started();
    await this.removeForeignSchedules(boss);
    const overdue = await this.overdueJobs();
    for (const job of this.registry.list()) {
      await boss.createQueue(job.name, { ...QUEUE_OPTIONS, policy: 'exclusive' });
      await boss.schedule(job.name, job.cron, null, { tz: 'UTC', missed: 'once' });
      if (overdue.has(job.name)) await boss.send(job.name);
      const worker = await boss.work(job.name, { pollingIntervalSeconds: POLL_SECONDS }, ([tick]) =>
        this.registry.runNow(job.name, this.clock.now(), tick?.signal),
      );
      this.workers.set(job.name, worker);
    }
  }

  async onModuleDestroy(): Promise<void> {
    if (this.workers.size === 0) return;
    const boss = await this.queue.started();
    for (const name of this.workers.keys()) await boss.offWork(name, { wait: false });
  }

  /** As a tick of its schedule does: the job runs soon, on one replica, unless it is queued or running already. */
  async wake(name: string): Promise<void> {
    const boss = await this.queue.started();
    await boss.send(name);
    const worker = this.workers.get(name);
    if (worker !== undefined) boss.notifyWorker(worker);
  }

  /** When the schedule ticks next, after `from`. */
  async nextRunAt(job: Job, from: Date): Promise<Date> {
    const [next] = (await this.queue.loaded()).previewSchedule(job.cron, { tz: 'UTC', from, count: 1 });
    if (!next) throw new Error(`the schedule ${job.cron} of ${job.name} never comes`);
    return next;
  }

  /** Jobs whose last run is before their last tick, or that never ran: whatever became of that tick, a restart must not wait for the next. */
  private async overdueJobs(): Promise<Set<string>> {
    const runs = await this.registry.lastRuns();
    const overdue = new Set<string>();
    for (const job of this.registry.list()) {
      const last = runs.get(job.name)?.finishedAt;
      if (!last || (await this.nextRunAt(job, last)) <= this.wall.now()) overdue.add(job.name);
    }
    return overdue;
  }

  private async removeForeignSchedules(boss: PgBoss): Promise<void> {
    const known = new Set(this.registry.list().map((job) => job.name));
    for (const { name } of await boss.getSchedules()) if (!known.has(name)) await boss.unschedule(name);
  }
}

const QUEUE_OPTIONS = {
  // A failed run is repeated by the next tick, which sees what is due then.
  retryLimit: 0,
  heartbeatSeconds: HEARTBEAT_SECONDS,
  expireInSeconds: RUN_SECONDS_MAX,
  retentionSeconds: HISTORY_SECONDS,
  deleteAfterSeconds: HISTORY_SECONDS,
};
