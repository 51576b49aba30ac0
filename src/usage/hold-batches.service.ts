import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Batcher, overloaded, type Sending } from '../common/batcher.js';
import { Clock, WallClock } from '../common/clock.js';
import { Config } from '../config/config.js';
import type {
  ExtendMember,
  IdempotencyClaim,
  ReserveMember,
  ReserveResult,
  SettleMember,
  SettleResult,
  WaitingMember,
} from '../credits/hold.repository.js';
import { HoldService } from '../credits/hold.service.js';

/**
 * Batches of one kind that a process has in flight: two, because one may have to wait for an account that someone has locked. The second goes
 * only when the first has taken this long: with 128 connections one at a time has 34 members in place of 23, and takes a tenth of the
 * database's processor time less.
 */
const BATCHES_IN_FLIGHT = 2;
const OVERLAP_AFTER_MS = 50;

/** Of the queue, what one user may fill: three others as heavy still find room. Never less than a batch is worth. */
const USER_SHARE = 1 / 4;
const USER_SHARE_MIN = 16;

/** A reservation as it waits: when its hold expires is known once it is sent. */
export type ReserveOrder = Omit<ReserveMember, 'expiresAt'> & { ttlMs: number };

export interface ReserveAnswer {
  result: ReserveResult;
  /** The time that the database was told. */
  at: Date;
  expiresAt: Date;
}

interface BatchMember {
  id: string;
  userId: string;
  idempotency?: IdempotencyClaim;
}

type ExtendOrder = Omit<ExtendMember, 'expiresAt'> & { ttlMs: number };

/** The money transactions of this process, each in a natural batch with its neighbours. One user's keep their order. */
@Injectable()
export class HoldBatches implements OnApplicationShutdown {
  private readonly logger = new Logger(HoldBatches.name);
  private readonly reserves: Batcher<ReserveOrder, ReserveAnswer>;
  private readonly ends: Batcher<SettleMember, SettleResult>;
  private readonly extensions: Batcher<ExtendOrder, boolean>;
  private readonly marks: Batcher<WaitingMember, undefined>;

  constructor(
    private readonly holds: HoldService,
    private readonly clock: Clock,
    private readonly wallClock: WallClock,
    private readonly config: Config,
  ) {
    const { batchQueueMax } = config;
    this.reserves = this.batcher('reserve', batchQueueMax, (orders, sending) => this.sendReserves(orders, sending));
    // What was delivered is charged, however many wait. They are no more than were admitted, because `reserve` stops when they pile up.
    this.ends = this.batcher('settle', Infinity, (members, { at }) => this.holds.settle(members, at));
    this.extensions = this.batcher('extend', batchQueueMax, (orders, { at }) =>
      this.holds.extend(
        orders.map((order) => ({ ...order, expiresAt: after(at, order.ttlMs) })),
        at,
      ),
    );
    this.marks = this.batcher('mark', batchQueueMax, async (members, { at }) => {
      await this.holds.markWaiting(members, at);
      return members.map(() => undefined);
    });
  }

  /** @throws OverloadedError when too many wait. */
  async reserve(order: ReserveOrder): Promise<ReserveAnswer> {
    if (this.ends.waitingCount >= this.config.batchQueueMax) throw overloaded();
    return this.reserves.add(order);
  }

  /** What `reserve` would answer now, for one who waits for nobody. Nothing is kept. */
  async preview({ ttlMs, ...order }: ReserveOrder): Promise<ReserveAnswer> {
    const at = this.clock.now();
    const expiresAt = after(at, ttlMs);
    return { result: await this.holds.preview({ ...order, expiresAt }, at, this.wallClock.now()), at, expiresAt };
  }

  /** Durable when it resolves. */
  settle(member: SettleMember): Promise<SettleResult> {
    return this.ends.add(member);
  }

  /** @throws OverloadedError when too many wait. */
  async markWaiting(member: WaitingMember): Promise<void> {
    await this.marks.add(member);
  }

  /** @throws OverloadedError when too many wait. */
  extend(order: ExtendOrder): Promise<boolean> {
    return this.extensions.add(order);
  }

  /** What waits is carried out before the connections are closed. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.reserves, this.ends, this.extensions, this.marks].map((batcher) => batcher.drain()));
  }

  private async sendReserves(
    orders: readonly ReserveOrder[],
    { at, mayHaveRun }: Sending,
  ): Promise<readonly ReserveAnswer[]> {
    const members = orders.map(({ ttlMs, ...order }): ReserveMember => ({ ...order, expiresAt: after(at, ttlMs) }));
    const results = await this.holds.reserve(members, at, this.wallClock.now());
    return members.map(({ expiresAt }, index) => {
      const result = results[index];
      if (!result) throw new Error('a member of a batch has no result');
      // The hold is there because the sending whose answer was lost took it.
      const isOurs = mayHaveRun && result.outcome === 'repeat';
      return { result: isOurs ? { ...result, outcome: 'held' } : result, at, expiresAt };
    });
  }

  private batcher<Member extends BatchMember, Result>(
    kind: string,
    waitingMax: number,
    send: (members: readonly Member[], sending: Sending) => Promise<readonly Result[]>,
  ): Batcher<Member, Result> {
    return new Batcher({
      membersMax: this.config.batchMembersMax,
      inFlightMax: BATCHES_IN_FLIGHT,
      overlapAfterMs: OVERLAP_AFTER_MS,
      waitingMax,
      laneWaitingMax: Math.max(USER_SHARE_MIN, Math.ceil(waitingMax * USER_SHARE)),
      now: () => this.clock.now(),
      // Of two requests with one idempotency key the second must see how the first fared.
      keysOf: ({ id, userId, idempotency: claim }) =>
        claim ? [id, JSON.stringify([userId, claim.route, claim.key])] : [id],
      laneOf: ({ userId }) => userId,
      send,
      onFailure: (error, members) =>
        this.logger.warn({ err: error, kind, members: members.map(({ id }) => id) }, 'a batch failed'),
    });
  }
}

function after(at: Date, ttlMs: number): Date {
  return new Date(at.getTime() + ttlMs);
}
