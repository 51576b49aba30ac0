import { Logger } from '@nestjs/common';
import type { ConnectionOptions, Job, PgBoss } from 'pg-boss';
import { Batcher } from '../../common/batcher.js';
import { reasonOf } from '../failure-reason.js';

/** Delayed jobs, and those whose notification got lost, are found by looking this often. */
const POLL_MS = 1_000;
/** A fraction of `HEARTBEAT_SECONDS`, so that one late beat takes no job away from a worker that lives. */
const BEAT_MS = 4_000;

/** Who comes to a halt while it takes jobs loses its turn, and keeps the others from theirs no longer than this. */
const TAKING_SQL = `select set_config('idle_in_transaction_session_timeout', '5s', true),
  pg_advisory_xact_lock(hashtextextended('tollgate.queue.' || $1, 0))`;

/** What a job is about. */
export interface JobPayload {
  /** Of the row that is worked on. */
  id: string;
}

export interface QueueDefinition<Payload extends JobPayload = JobPayload> {
  /** Lower case and dashes, e.g. `analyses`. */
  name: string;
  /** Jobs that one process runs at once. */
  concurrency: number;
  /** Jobs of one group that all processes together run at once; without it groups mean nothing. */
  groupConcurrency?: number;
  /** A run that takes longer is taken for dead, and another worker gets the job. */
  runSecondsMax: number;
  /**
   * Does the work, at least once: after a worker's death a job comes again, perhaps while the first still runs. The row decides by
   * compare-and-set who may change it. What is thrown brings the job back later. `signal` aborts when the process can wait no longer.
   */
  handle(payload: Payload, signal: AbortSignal): Promise<void>;
}

/** One run of a job that has ended. `isLast`: it failed, and will not be tried again by itself. */
export interface EndedJob {
  queue: string;
  payload: JobPayload;
  durationMs: number;
  failure: { reason: string; isLast: boolean } | null;
}

/** Takes jobs of one queue, as many at once as may be, and the next as soon as one ends. */
export class QueueWorker {
  private readonly logger = new Logger(QueueWorker.name);
  /** A job may be among them twice: it comes again where the queue has not heard of its first run for too long. */
  private readonly running = new Set<{ job: Job<JobPayload>; done: Promise<void> }>();
  private readonly cutOff = new AbortController();
  private isStopping = false;
  private isWoken = false;
  private awaken: () => void = () => undefined;
  private pumping: Promise<void> | undefined;
  private beat: NodeJS.Timeout | undefined;
  /** Jobs that end together are told of together. */
  private readonly completions: Batcher<Job<JobPayload>, undefined>;

  constructor(
    private readonly boss: PgBoss,
    private readonly definition: QueueDefinition,
    private readonly limits: { retriesMax: number },
    private readonly onEnd: (ended: EndedJob) => Promise<void>,
  ) {
    this.completions = new Batcher({
      membersMax: definition.concurrency,
      inFlightMax: 1,
      waitingMax: definition.concurrency,
      laneWaitingMax: 1,
      now: () => new Date(),
      keysOf: ({ id }) => [id],
      laneOf: ({ id }) => id,
      send: async (jobs) => {
        await boss.complete(definition.name, [...jobs]);
        return jobs.map(() => undefined);
      },
    });
  }

  start(): void {
    this.pumping = this.pump();
    this.beat = setInterval(() => void this.touch(), BEAT_MS);
    this.beat.unref();
  }

  /** Looks for jobs now. */
  wake(): void {
    this.isWoken = true;
    this.awaken();
  }

  /** Takes no more. */
  pause(): void {
    this.isStopping = true;
    this.wake();
  }

  /** Waits for what runs, as long as `patienceMs`, and then for what it cut off. What does not end comes again, to another worker. */
  async drain(patienceMs: number, cutOffMs: number): Promise<void> {
    this.pause();
    await this.pumping;
    await this.idleWithin(patienceMs);
    this.cutOff.abort(new Error('the process is stopping'));
    await this.idleWithin(cutOffMs);
    clearInterval(this.beat);
    if (this.running.size > 0) this.logger.warn(`${this.running.size} jobs of ${this.definition.name} did not end`);
  }

  private async pump(): Promise<void> {
    while (!this.isStopping) {
      this.isWoken = false;
      const free = this.definition.concurrency - this.running.size;
      const jobs = free > 0 ? await this.fetch(free) : [];
      for (const job of jobs) this.begin(job);
      if (jobs.length === 0 || jobs.length < free) await this.rest();
    }
  }

  private async fetch(batchSize: number): Promise<Job<JobPayload>[]> {
    const { name, groupConcurrency } = this.definition;
    try {
      if (groupConcurrency === undefined) return await this.boss.fetch<JobPayload>(name, { batchSize });
      return await this.oneByOne((db) => this.boss.fetch<JobPayload>(name, { batchSize, groupConcurrency, db }));
    } catch (error) {
      this.logger.error({ err: error, queue: name }, 'jobs could not be taken from the queue');
      return [];
    }
  }

  /** Processes that look at the same moment would each find all places of a group free, and take them. */
  private async oneByOne<Taken>(take: (db: NonNullable<ConnectionOptions['db']>) => Promise<Taken>): Promise<Taken> {
    const transaction = await this.boss.getDb().beginTransaction!();
    try {
      await transaction.db.executeSql(TAKING_SQL, [this.definition.name]);
      const taken = await take(transaction.db);
      await transaction.commit();
      return taken;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  private begin(job: Job<JobPayload>): void {
    const run = { job, done: Promise.resolve() };
    run.done = this.run(job).finally(() => {
      this.running.delete(run);
      this.wake();
    });
    this.running.add(run);
  }

  /** Never rejects: a job whose end cannot be told to the queue comes again. */
  private async run(job: Job<JobPayload>): Promise<void> {
    const { name } = this.definition;
    const began = performance.now();
    try {
      const reason = await this.handle(job);
      const isLast = job.retryCount >= this.limits.retriesMax;
      const failure = reason === null ? null : { reason, isLast };
      await this.onEnd({ queue: name, payload: job.data, durationMs: performance.now() - began, failure });
      await (failure ? this.boss.fail(name, job, failure) : this.completions.add(job));
    } catch (error) {
      this.logger.error({ err: error, queue: name, id: job.data.id }, 'the end of a job could not be kept');
    }
  }

  /** Why the job failed, or null. */
  private async handle({ data }: Job<JobPayload>): Promise<string | null> {
    try {
      await this.definition.handle(data, this.cutOff.signal);
      return null;
    } catch (error) {
      this.logger.error({ err: error, queue: this.definition.name, id: data.id }, 'a job failed');
      return reasonOf(error);
    }
  }

  /** Until something may have changed, or it is time to look again. */
  private async rest(): Promise<void> {
    if (this.isWoken || this.isStopping) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.awaken = resolve;
      timer = setTimeout(resolve, POLL_MS);
    });
    clearTimeout(timer);
  }

  private async touch(): Promise<void> {
    const jobs = [...this.running].map(({ job }) => job);
    if (jobs.length === 0) return;
    try {
      await this.boss.touch(this.definition.name, jobs);
    } catch (error) {
      this.logger.warn(
        { err: error, queue: this.definition.name },
        'the queue could not be told that jobs are under way',
      );
    }
  }

  private async idleWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([Promise.all([...this.running].map(({ done }) => done)), patience]);
    clearTimeout(timer);
  }
}
