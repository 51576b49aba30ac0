import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { Config } from '../config/config.js';
import { directConnection } from './direct-connection.js';

const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 10_000;
/** A connection that a firewall forgot raises no error; only a question that stays unanswered shows it. */
const HEARTBEAT_MS = 5_000;
const ANSWER_MS_MAX = 5_000;
const RETRY_MS = 1_000;
/** PostgreSQL's own limits. */
const CHANNEL_BYTES_MAX = 63;
const PAYLOAD_BYTES_MAX = 7_999;

/** One that returns a promise is called again, without a payload, until it is fulfilled: nobody tells it of the same change once more. */
export type NotificationHandler = (payload: string) => void | Promise<unknown>;

interface FailedCall {
  channel: string;
  handler: NotificationHandler;
  /** One after the other. */
  failures: number;
}

/**
 * LISTEN and NOTIFY over all replicas, on one connection that is opened by the first `listen`. A notification is a hint to look, never the
 * only carrier of a fact: after every reconnect each handler is called once, without a payload, so that what was sent meanwhile is not missed.
 */
@Injectable()
export class Notifications implements OnApplicationShutdown {
  private readonly logger = new Logger(Notifications.name);
  private readonly handlers = new Map<string, NotificationHandler[]>();
  private client: pg.Client | undefined;
  private firstAttempt: Promise<void> | undefined;
  private listening: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private readonly retries = new Map<NotificationHandler, NodeJS.Timeout>();
  private isClosed = false;

  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
  ) {}

  /**
   * Calls `handler` with the payload of every notification on `channel`, this process's own included. Read the state behind it after this
   * resolves: then either the channel is being listened to, or the handler is called as soon as it is.
   */
  async listen(channel: string, handler: NotificationHandler): Promise<void> {
    assertChannel(channel);
    this.handlers.set(channel, [...(this.handlers.get(channel) ?? []), handler]);
    this.firstAttempt ??= this.connect(0);
    await this.firstAttempt;
    // Harmless where connecting has done it; a connection that ends here does it again when it is back. One after the other: the client
    // takes no second statement before it has answered the first.
    this.listening = this.listening.then(() =>
      this.client?.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => undefined),
    );
    await this.listening;
  }

  /**
   * Sends on the pool, so it works through a transaction pooler too; within a transaction of the caller it is sent by the commit. `payload` is at most 7999 bytes
   * and no secret.
   */
  async notify(channel: string, payload = ''): Promise<void> {
    assertChannel(channel);
    if (Buffer.byteLength(payload) > PAYLOAD_BYTES_MAX)
      throw new Error(`a notification carries at most ${PAYLOAD_BYTES_MAX} bytes: send the key of a row instead`);
    await this.em.execute('select pg_notify(?, ?)', [channel, payload]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const retry of this.retries.values()) clearTimeout(retry);
    await this.firstAttempt;
    await this.client?.end().catch(() => undefined);
  }

  /** Never rejects: a failed attempt is logged and followed by another, `failures` doubling the wait. */
  private async connect(failures: number): Promise<void> {
    const client = new pg.Client({
      ...directConnection(this.config),
      connectionTimeoutMillis: ANSWER_MS_MAX,
      query_timeout: ANSWER_MS_MAX,
    });
    let isLost = false;
    let failuresSoFar = failures;
    const lose = (error?: unknown): void => {
      if (isLost) return;
      isLost = true;
      if (this.client === client) this.client = undefined;
      client.end().catch(() => undefined);
      if (!this.isClosed) this.reconnectLater(failuresSoFar, error);
    };
    client.on('error', lose);
    client.on('end', () => lose());
    client.on('notification', ({ channel, payload }) => this.dispatch(channel, payload ?? ''));
    try {
      await client.connect();
      for (const channel of this.handlers.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      lose(error);
      return;
    }
    if (isLost) return;
    if (this.isClosed) {
      await client.end();
      return;
    }
    failuresSoFar = 0;
    this.client = client;
    this.beat(client, lose);
  }

  private reconnectLater(failures: number, error: unknown): void {
    const waitMs = Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** failures);
    this.logger.warn({ err: error, waitMs }, 'the connection for notifications was lost and is opened again');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.connect(failures + 1)
        .then(() => {
          if (this.client) this.callAll();
        })
        .catch((failure: unknown) => this.logger.error({ err: failure }, 'opening the connection failed'));
    }, waitMs);
    this.timer.unref();
  }

  private beat(client: pg.Client, lose: (error: unknown) => void): void {
    const timer = setInterval(() => {
      client.query('select 1').catch((error: unknown) => lose(error));
    }, HEARTBEAT_MS);
    timer.unref();
    client.once('end', () => clearInterval(timer));
  }

  private callAll(): void {
    for (const channel of this.handlers.keys()) this.dispatch(channel, '');
  }

  private dispatch(channel: string, payload: string): void {
    for (const handler of this.handlers.get(channel) ?? []) this.call(channel, handler, payload);
  }

  private call(channel: string, handler: NotificationHandler, payload: string, failures = 0): void {
    try {
      handler(payload)?.catch((error: unknown) => {
        const waitMs = Math.min(RECONNECT_MS_MAX, RETRY_MS * 2 ** failures);
        this.logger.error({ err: error, channel, waitMs }, 'a change was not followed, which is tried again');
        this.retryLater({ channel, handler, failures: failures + 1 }, waitMs);
      });
    } catch (error) {
      this.logger.error({ err: error, channel }, 'a notification was not handled');
    }
  }

  private retryLater({ channel, handler, failures }: FailedCall, waitMs: number): void {
    if (this.isClosed || this.retries.has(handler)) return;
    const retry = setTimeout(() => {
      this.retries.delete(handler);
      this.call(channel, handler, '', failures);
    }, waitMs);
    retry.unref();
    this.retries.set(handler, retry);
  }
}

function assertChannel(channel: string): void {
  if (channel === '' || Buffer.byteLength(channel) > CHANNEL_BYTES_MAX)
    throw new Error(`"${channel}" cannot be a channel: 1 to ${CHANNEL_BYTES_MAX} bytes`);
}
