import { EntityManager } from '@mikro-orm/postgresql';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { EVENT_STREAM_HEADERS } from '../../common/http/event-stream-headers.js';
import { Notifications } from '../../database/notifications.js';
import { TooManyStreamsError } from '../jobs.errors.js';
import { EventStream, type StreamedEvent } from './event-stream.js';
import { storedJson } from '../../common/domain/storable.js';

const CHANNEL = 'tollgate_events';
/** Proxies and load balancers take a silent connection for dead after half a minute or a minute. */
const HEARTBEAT_MS = 15_000;
/** Enough for every window of an app, too few to fill a process with. */
export const STREAMS_PER_USER_MAX = 10;
/** A token that was revoked, or has run out, is noticed when the client comes back. */
const STREAM_MS_MAX = 1_800_000;
const NO_CONTENT = 204;

/** The row that is followed, and whose it is. */
export interface EventOwner {
  entityId: string;
  userId: string;
}

export interface NewEvent {
  /** One word, as a client listens for it: `started`. */
  name: string;
  data?: Record<string, unknown>;
  /** After it the stream ends, and nothing may be appended but one that reopens it. */
  isLast?: boolean;
  /** A life that was over goes on with it: whoever has the last event, or comes anew, is told what follows. */
  isReopening?: boolean;
}

interface OpenStream {
  owner: EventOwner;
  stream: EventStream;
  expiry: NodeJS.Timeout;
}

/**
 * The lives of rows as event streams. Events are rows themselves, written in the transaction of what they tell; every replica passes them on,
 * and a client that comes back with `Last-Event-ID` misses none and sees none twice.
 */
@Injectable()
export class EventStreams implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(EventStreams.name);
  /** By followed row. */
  private readonly open = new Map<string, Set<OpenStream>>();
  private readonly perUser = new Map<string, number>();
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.heartbeat = setInterval(() => this.all().forEach(({ stream }) => stream.beat()), HEARTBEAT_MS);
    this.heartbeat.unref();
    await this.notifications.listen(CHANNEL, (entityId) => {
      const followers = entityId === '' ? this.all() : [...(this.open.get(entityId) ?? [])];
      for (const follower of followers) this.refresh(follower);
    });
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.heartbeat);
    for (const { stream } of this.all()) stream.end();
  }

  /**
   * Adds an event in the transaction of `em`. The caller has the followed row locked, by having made or changed it there: that puts the events
   * of one row in one order.
   */
  append(em: EntityManager, owner: EventOwner, event: NewEvent, now: Date): Promise<void> {
    return this.appendAll(em, [{ owner, event }], now);
  }

  /** The same of many rows, one event of each. */
  async appendAll(
    em: EntityManager,
    told: readonly { owner: EventOwner; event: NewEvent }[],
    now: Date,
  ): Promise<void> {
    const rows = told.map(({ owner, event }) => ({ ...owner, data: {}, isLast: false, ...event }));
    const reopened = rows.filter(({ isReopening }) => isReopening).map(({ entityId }) => entityId);
    if (reopened.length > 0)
      await em.execute('update entity_events set is_last = false where entity_id in (?) and is_last', [reopened]);
    await em.execute(
      `insert into entity_events (entity_id, sequence, user_id, name, data, is_last, created_at)
       select t."entityId", 1 + coalesce((select max(e.sequence) from entity_events e where e.entity_id = t."entityId"), 0),
         t."userId", t.name, t.data, t."isLast", ?
       from jsonb_to_recordset(?::jsonb) as t("entityId" uuid, "userId" uuid, name text, data jsonb, "isLast" boolean)
       returning pg_notify(?, entity_id::text)`,
      [now, storedJson(rows), CHANNEL],
    );
  }

  /**
   * Answers a request that follows a row which the caller has found to be its own. `lastEventId` is the header of that name. A client that has
   * everything of a row whose life is over, or that asks of one whose events are gone, is answered 204, which tells it to stay away.
   * @throws TooManyStreamsError, InvalidRequestError for an id that is none
   */
  async respond(owner: EventOwner, lastEventId: unknown, reply: FastifyReply): Promise<Readable | undefined> {
    const after = positionOf(lastEventId);
    if (await this.isOver(owner.entityId, after)) {
      void reply.status(NO_CONTENT);
      return undefined;
    }
    void reply.headers(EVENT_STREAM_HEADERS);
    return this.follow(owner, after);
  }

  private follow(owner: EventOwner, after: number): Readable {
    const { entityId, userId } = owner;
    const count = this.perUser.get(userId) ?? 0;
    if (count >= STREAMS_PER_USER_MAX) throw new TooManyStreamsError(STREAMS_PER_USER_MAX);
    this.perUser.set(userId, count + 1);
    const stream = new EventStream((position) => this.read(entityId, position), after);
    const expiry = setTimeout(() => stream.end(), STREAM_MS_MAX);
    expiry.unref();
    const follower = { owner, stream, expiry };
    const followers = this.open.get(entityId) ?? new Set();
    this.open.set(entityId, followers.add(follower));
    stream.output.once('close', () => this.leave(follower));
    this.refresh(follower);
    return stream.output;
  }

  private leave(follower: OpenStream): void {
    const { entityId, userId } = follower.owner;
    clearTimeout(follower.expiry);
    const followers = this.open.get(entityId);
    followers?.delete(follower);
    if (followers?.size === 0) this.open.delete(entityId);
    const left = (this.perUser.get(userId) ?? 1) - 1;
    if (left > 0) this.perUser.set(userId, left);
    else this.perUser.delete(userId);
  }

  /** A stream that cannot be read ends: the client comes back, and misses nothing. */
  private refresh({ stream, owner }: OpenStream): void {
    stream.refresh().catch((error: unknown) => {
      this.logger.error({ err: error, entityId: owner.entityId }, 'the events of a row could not be read');
      stream.end();
    });
  }

  private read(entityId: string, after: number): Promise<StreamedEvent[]> {
    return this.em
      .fork()
      .execute<StreamedEvent[]>(
        `select sequence, name, data, is_last as "isLast" from entity_events where entity_id = ? and sequence > ? order by sequence`,
        [entityId, after],
      );
  }

  /** Also of a row without any events: what has a life to come was given the first of them when it was made. */
  private async isOver(entityId: string, after: number): Promise<boolean> {
    const [life] = await this.em
      .fork()
      .execute<{ isOver: boolean | null }[]>(
        `select bool_or(is_last and sequence <= ?) as "isOver" from entity_events where entity_id = ?`,
        [after, entityId],
      );
    return life?.isOver ?? true;
  }

  private all(): OpenStream[] {
    return [...this.open.values()].flatMap((followers) => [...followers]);
  }
}

/** The last event that the client has; 0 for none. */
function positionOf(lastEventId: unknown): number {
  if (lastEventId === undefined || lastEventId === '') return 0;
  const position = typeof lastEventId === 'string' && /^\d{1,9}$/.test(lastEventId) ? Number(lastEventId) : NaN;
  if (!Number.isNaN(position)) return position;
  throw InvalidRequestError.of([{ field: 'Last-Event-ID', message: 'send the id of the last event, unchanged' }]);
}
