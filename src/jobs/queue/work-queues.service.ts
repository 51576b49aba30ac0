import { EntityManager } from '@mikro-orm/postgresql';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import type { ConnectionOptions, PgBoss } from 'pg-boss';
import { WallClock } from '../../common/clock.js';
import { Notifications } from '../../database/notifications.js';
import { JobFailureService } from '../job-failure.service.js';
import { QueueServer } from './queue-server.js';
import { type EndedJob, type JobPayload, type QueueDefinition, QueueWorker } from './queue-worker.js';

const CHANNEL = 'tollgate_work';

/** A worker that was killed is noticed after this and a look of the supervisor. */
const HEARTBEAT_SECONDS = 20;
/** A job that cannot even be handled is tried for about a quarter of an hour, then it is an open failure. */
const RETRIES_MAX = 10;
const RETRY_SECONDS = 2;
const RETRY_SECONDS_MAX = 120;
/** The queue's own history; what became of the work is told by the rows it is about. */
const HISTORY_SECONDS = 3_600;
/** Longer than any deadline: what waits here is never forgotten by the queue. */
const WAITING_SECONDS_MAX = 30 * 86_400;
/** Together less than the half minute that orchestrators usually give. */
const PATIENCE_MS = 20_000;
const CUT_OFF_MS = 5_000;

export interface SendOptions {
  /** Higher is first; 0 without it. Whole, within 32 bits. */
  priority?: number;
  /** Not before then, by real time. */
  startAfter?: Date;
  /** What `groupConcurrency` counts. */
  group?: string;
}

/**
 * Queues of work that survives its process. A module registers its queue in `onModuleInit` and sends jobs in the transaction that makes the
 * row they are about. Workers run in every process unless `JOBS` is off there.
 */
@Injectable()
export class WorkQueues implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly definitions = new Map<string, QueueDefinition>();
  private readonly workers = new Map<string, QueueWorker>();
  private readonly observers: ((ended: EndedJob) => void)[] = [];
  private preparing: Promise<PgBoss> | undefined;

  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly server: QueueServer,
    private readonly notifications: Notifications,
    private readonly failures: JobFailureService,
    private readonly wall: WallClock,
  ) {}

  register<Payload extends JobPayload>(definition: QueueDefinition<Payload>): void {
    const { name } = definition;
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new Error(`"${name}" is no name for a queue`);
    if (this.definitions.has(name)) throw new Error(`the queue ${name} is registered twice`);
    this.definitions.set(name, definition as QueueDefinition);
    this.failures.onRetry(name, ({ payload }) => this.resend(name, payload as JobPayload));
  }

  names(): string[] {
    return [...this.definitions.keys()];
  }

  /** Calls `observer` after every run of a job in this process. */
  onEnd(observer: (ended: EndedJob) => void): void {
    this.observers.push(observer);
  }

  /** Adds a job in the transaction of `em`: it is there if, and only if, that commits, and is taken up at once. */
  async send<Payload extends JobPayload>(
    em: EntityManager,
    queue: string,
    payload: Payload,
    { priority, startAfter, group }: SendOptions = {},
  ): Promise<void> {
    const boss = await this.prepared();
    await boss.send(queue, payload, {
      db: databaseOf(em),
      ...(priority !== undefined && { priority }),
      ...(startAfter && { startAfter }),
      ...(group !== undefined && { group: { id: group } }),
    });
    await em.execute('select pg_notify(?, ?)', [CHANNEL, queue]);
  }

  /** Which of these rows have a job that waits or is under way in one of the queues. */
  async having(em: EntityManager, queues: readonly string[], ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    await this.prepared();
    const rows = await em.execute<{ id: string }[]>(
      `select data->>'id' as id from pgboss.job where name in (?) and state <= 'active' and data->>'id' in (?)`,
      [queues, ids],
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Only a serving process or a worker gets here: commands do not initialise the application. */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.server.runsJobs || this.definitions.size === 0) return;
    const boss = await this.prepared();
    for (const definition of this.definitions.values()) {
      const worker = new QueueWorker(boss, definition, { retriesMax: RETRIES_MAX }, (ended) => this.note(ended));
      this.workers.set(definition.name, worker);
      worker.start();
    }
    await this.notifications.listen(CHANNEL, (queue) => {
      for (const [name, worker] of this.workers) if (queue === name || queue === '') worker.wake();
    });
  }

  /** Nothing more is taken up from the moment that a process begins to stop. */
  onModuleDestroy(): void {
    for (const worker of this.workers.values()) worker.pause();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.workers.values()].map((worker) => worker.drain(PATIENCE_MS, CUT_OFF_MS)));
  }

  /** The queue, with every registered queue in it. */
  private prepared(): Promise<PgBoss> {
    this.preparing ??= this.prepare().catch((error: unknown) => {
      this.preparing = undefined;
      throw error;
    });
    return this.preparing;
  }

  private async prepare(): Promise<PgBoss> {
    const boss = await this.server.started();
    for (const { name, runSecondsMax } of this.definitions.values()) {
      const options = { ...QUEUE_OPTIONS, expireInSeconds: runSecondsMax };
      await boss.createQueue(name, options);
      await boss.updateQueue(name, options);
    }
    return boss;
  }

  private async note(ended: EndedJob): Promise<void> {
    for (const observer of this.observers) observer(ended);
    const { queue, payload, failure } = ended;
    if (!failure?.isLast) return;
    const report = { job: queue, entity: queue, entityId: payload.id, payload: { ...payload }, reason: failure.reason };
    await this.failures.record(report, this.wall.now());
  }

  /** An operator has a job tried again that was given up. Once, where two do, or where the module's own job was faster: its work is paid for. */
  private async resend(queue: string, payload: JobPayload): Promise<void> {
    const { id } = payload;
    await this.em.fork().transactional(async (em) => {
      await em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [`${queue} ${id}`]);
      if (!(await this.having(em, [queue], [id])).has(id)) await this.send(em, queue, payload);
    });
  }
}

const QUEUE_OPTIONS = {
  heartbeatSeconds: HEARTBEAT_SECONDS,
  retryLimit: RETRIES_MAX,
  retryDelay: RETRY_SECONDS,
  retryBackoff: true,
  retryDelayMax: RETRY_SECONDS_MAX,
  retentionSeconds: WAITING_SECONDS_MAX,
  deleteAfterSeconds: HISTORY_SECONDS,
};

/** The queue's statements on the connection, and in the transaction, of `em`. */
function databaseOf(em: EntityManager): NonNullable<ConnectionOptions['db']> {
  return {
    executeSql: async (text, values = []) => {
      const { rows } = await em.getKysely().executeQuery(CompiledQuery.raw(text, [...values]));
      return { rows };
    },
  };
}
