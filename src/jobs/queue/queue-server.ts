import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { PgBoss } from 'pg-boss';
import { Config } from '../../config/config.js';
import { directConnection } from '../../database/direct-connection.js';

const QUEUE_SCHEMA = 'pgboss';
/** Beside the pool of request traffic, so that neither waits for the other. */
const CONNECTIONS_MAX = 5;
/** Its workers wait for each other here, so requests' patience is no measure. */
const CONNECTION_MS_MAX = 10_000;
/** How often jobs of workers that died are looked for: with their heartbeat, that is how soon another worker has them. */
const SUPERVISE_SECONDS = 10;
const STOP_MS_MAX = 3_000;

/** The queue in PostgreSQL, loaded and started when it is first needed: commands and most specs never do. */
@Injectable()
export class QueueServer implements OnApplicationShutdown {
  private readonly logger = new Logger(QueueServer.name);
  private loading: Promise<PgBoss> | undefined;
  private starting: Promise<PgBoss> | undefined;

  constructor(private readonly config: Config) {}

  /** Whether this process works, and does not only send. */
  get runsJobs(): boolean {
    return this.config.runsJobs;
  }

  /** Not started: enough to look at schedules. */
  loaded(): Promise<PgBoss> {
    this.loading ??= this.load();
    return this.loading;
  }

  /** Ready to send and, where this process runs jobs, to work. A start that fails is tried again by the next caller. */
  started(): Promise<PgBoss> {
    this.starting ??= this.loaded()
      .then((boss) => boss.start())
      .catch((error: unknown) => {
        this.starting = undefined;
        throw error;
      });
    return this.starting;
  }

  async onApplicationShutdown(): Promise<void> {
    const boss = await this.starting?.catch(() => undefined);
    await boss?.stop({ graceful: true, timeout: STOP_MS_MAX });
  }

  private async load(): Promise<PgBoss> {
    const queue = await import('pg-boss');
    const { runsJobs } = this;
    const boss = new queue.PgBoss({
      ...directConnection(this.config),
      application_name: 'tollgate-jobs',
      schema: QUEUE_SCHEMA,
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECTION_MS_MAX,
      supervise: runsJobs,
      schedule: runsJobs,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
      // What watches and mends far busier queues would cost more here than it saves.
      reindex: false,
      monitorVacuum: false,
    });
    boss.on('error', (error) => this.logger.error({ err: error }, 'the queue of jobs reports an error'));
    boss.on('warning', (warning) => this.logger.warn({ warning }, 'the queue of jobs warns'));
    return boss;
  }
}
