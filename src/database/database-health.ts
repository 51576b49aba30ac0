import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { Config } from '../config/config.js';
import { connectionTo } from './direct-connection.js';

/** Whoever asks gives up after a few seconds. */
const ANSWER_MS_MAX = 2_000;

/**
 * Whether the database answers. It is asked on a connection of its own, by the way that requests take: all connections of a busy pool are in use,
 * and a replica that is busy is not to be taken for one without a database.
 */
@Injectable()
export class DatabaseHealth implements OnApplicationShutdown {
  private readonly logger = new Logger(DatabaseHealth.name);
  private client: pg.Client | undefined;
  private asking: Promise<boolean> | undefined;
  private wasReachable = true;
  private isClosed = false;

  constructor(private readonly config: Config) {}

  /** Those who ask at the same time share one question. */
  isReachable(): Promise<boolean> {
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    return this.asking;
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    await this.asking;
    await this.client?.end().catch(() => undefined);
  }

  private async ask(): Promise<boolean> {
    try {
      // A connection that was open already may be lost, and the database there all the same.
      if (!this.client || !(await this.client.query('select 1').catch(() => this.discard()))) {
        await (await this.open()).query('select 1');
      }
      this.wasReachable = true;
    } catch (error) {
      this.discard();
      // Once, and not every few seconds: as often as it is asked.
      if (this.wasReachable) this.logger.warn({ err: error }, 'the database does not answer');
      this.wasReachable = false;
    }
    return this.wasReachable;
  }

  private async open(): Promise<pg.Client> {
    const client = new pg.Client({
      ...connectionTo(this.config.databaseUrl, this.config),
      connectionTimeoutMillis: ANSWER_MS_MAX,
      query_timeout: ANSWER_MS_MAX,
    });
    client.on('error', () => this.discard(client));
    client.on('end', () => this.discard(client));
    await client.connect();
    if (this.isClosed) await client.end();
    this.client = client;
    return client;
  }

  private discard(client = this.client): void {
    if (this.client === client) this.client = undefined;
    client?.end().catch(() => undefined);
  }
}
