import { AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { OverloadedError } from './errors/common.errors.js';
import { isOutcomeUnknown, isPassingFailure, isRolledBackForOthers } from './errors/passing-failure.js';

/** Whoever cuts one connection usually cuts all: the pool gets this long to notice which of its connections are gone. */
const LOST_PAUSE_MS = 50;

/** How a batch goes out. */
export interface Sending {
  /** One time for all members, later than that of every batch before. The same when the batch is sent again. */
  at: Date;
  /** An earlier sending of these members lost its answer: they may have been carried out. */
  mayHaveRun: boolean;
}

export interface BatcherOptions<Member, Result> {
  membersMax: number;
  inFlightMax: number;
  /**
   * For how long a batch has the way for itself; only beside one that takes longer goes another. What waits meanwhile makes a larger one, which
   * costs the server less than two. Without it batches overlap at once.
   */
  overlapAfterMs?: number;
  /** How many may wait; whoever comes then is refused. */
  waitingMax: number;
  /** How many of them may be of one lane: who sends much fills a share of the queue, not all of it. */
  laneWaitingMax: number;
  now: () => Date;
  /** What no two members of a batch may have in common. */
  keysOf: (member: Member) => readonly string[];
  /** Members of one lane keep their order: while one is in flight, those behind it wait for it. */
  laneOf: (member: Member) => string;
  /** All or nothing; one result per member, in their order. */
  send: (members: readonly Member[], sending: Sending) => Promise<readonly Result[]>;
  onFailure?: (error: unknown, members: readonly Member[]) => void;
}

interface Waiting<Member, Result> {
  member: Member;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Natural batches: what comes while a batch is in flight makes up the next. An idle batcher sends at once, so nobody waits for company; a busy
 * one shares a round trip and a commit among all who came meanwhile. What comes in one turn of the event loop goes together.
 */
export class Batcher<Member, Result> {
  private waiting: Waiting<Member, Result>[] = [];
  private readonly busyLanes = new Set<string>();
  private readonly waitingByLane = new Map<string, number>();
  private inFlight = 0;
  /** Of those in flight, the batches that have not taken `overlapAfterMs` yet. */
  private fresh = 0;
  private isWoken = false;
  private whenIdle: (() => void)[] = [];
  private lastAtMs = -Infinity;
  /** A batch belongs to none of its requests: it runs outside their transactions and log contexts. */
  private readonly sendWaiting = AsyncResource.bind(() => {
    while (!this.isBusy) {
      const batch = this.take();
      if (batch.length === 0) return;
      void this.run(batch);
    }
  });

  constructor(private readonly options: BatcherOptions<Member, Result>) {}

  /** How many are not in flight yet. */
  get waitingCount(): number {
    return this.waiting.length;
  }

  /**
   * The member's own result, or its own failure: neighbours do not matter.
   * @throws OverloadedError when too many wait.
   */
  add(member: Member): Promise<Result> {
    // Who came in this very turn may still have room in a batch of its own.
    if (this.waiting.length >= this.options.waitingMax) this.sendWaiting();
    if (this.waiting.length >= this.options.waitingMax) return Promise.reject(overloaded());
    const lane = this.options.laneOf(member);
    if (this.waitingOf(lane) >= this.options.laneWaitingMax) this.sendWaiting();
    const before = this.waitingOf(lane);
    if (before >= this.options.laneWaitingMax) return Promise.reject(ownShareFull(before));
    this.waitingByLane.set(lane, before + 1);
    return new Promise((resolve, reject) => {
      this.waiting.push({ member, resolve, reject });
      this.wake();
    });
  }

  /** Resolves once nothing waits and nothing is in flight. */
  async drain(): Promise<void> {
    while (this.inFlight > 0 || this.waiting.length > 0) {
      await new Promise<void>((resolve) => this.whenIdle.push(resolve));
    }
  }

  /** Whether what waits has to wait on. A whole batch of it has nothing to gain. */
  private get isBusy(): boolean {
    const { inFlightMax, membersMax } = this.options;
    return this.inFlight >= inFlightMax || (this.fresh > 0 && this.waiting.length < membersMax);
  }

  private wake(): void {
    if (this.isWoken || this.isBusy) return;
    this.isWoken = true;
    // After everything that the sockets have brought by now: each request comes in a turn of its own.
    setImmediate(() => {
      this.isWoken = false;
      this.sendWaiting();
    });
  }

  /** The next batch, in order of arrival: not the lanes in flight, no key twice, and nobody before someone of the own lane. */
  private take(): Waiting<Member, Result>[] {
    const { keysOf, laneOf, membersMax } = this.options;
    const batch: Waiting<Member, Result>[] = [];
    const left: Waiting<Member, Result>[] = [];
    const taken = new Set<string>();
    const closedLanes = new Set(this.busyLanes);
    for (const entry of this.waiting) {
      const keys = keysOf(entry.member);
      const lane = laneOf(entry.member);
      if (batch.length >= membersMax || closedLanes.has(lane) || keys.some((key) => taken.has(key))) {
        closedLanes.add(lane);
        left.push(entry);
        continue;
      }
      for (const key of keys) taken.add(key);
      this.busyLanes.add(lane);
      this.leaveQueue(lane);
      batch.push(entry);
    }
    this.waiting = left;
    return batch;
  }

  private waitingOf(lane: string): number {
    return this.waitingByLane.get(lane) ?? 0;
  }

  private leaveQueue(lane: string): void {
    const left = this.waitingOf(lane) - 1;
    if (left > 0) this.waitingByLane.set(lane, left);
    else this.waitingByLane.delete(lane);
  }

  private async run(batch: Waiting<Member, Result>[]): Promise<void> {
    this.inFlight += 1;
    // A clock that was set back must not reorder what one user did.
    this.lastAtMs = Math.max(this.lastAtMs, this.options.now().getTime());
    const leaveTheWay = this.takeTheWay();
    await this.send(batch, { at: new Date(this.lastAtMs), mayHaveRun: false });
    leaveTheWay();
    for (const { member } of batch) this.busyLanes.delete(this.options.laneOf(member));
    this.inFlight -= 1;
    this.sendWaiting();
    if (this.inFlight > 0 || this.waiting.length > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  /** Keeps others from going beside a batch for a while; what is returned is called when it has ended. */
  private takeTheWay(): () => void {
    const { overlapAfterMs } = this.options;
    if (overlapAfterMs === undefined) return () => undefined;
    this.fresh += 1;
    let isFresh = true;
    const leave = (): void => {
      if (isFresh) this.fresh -= 1;
      isFresh = false;
    };
    const timer = setTimeout(() => {
      leave();
      this.sendWaiting();
    }, overlapAfterMs);
    return () => {
      clearTimeout(timer);
      leave();
    };
  }

  private async send(batch: Waiting<Member, Result>[], sending: Sending, isSecond = false): Promise<void> {
    try {
      const members = batch.map(({ member }) => member);
      const results = await this.options.send(members, sending);
      if (results.length !== batch.length) throw new Error(`${batch.length} members have ${results.length} results`);
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      await this.recover(batch, error, { ...sending, isSecond });
    }
  }

  /**
   * What was nobody's fault is tried once more as it was, because the answer to half of it may be known only then. What may be a member's fault
   * is run again in halves, down to the member: the others are carried out, in their order.
   */
  private async recover(
    batch: Waiting<Member, Result>[],
    error: unknown,
    { at, mayHaveRun, isSecond }: Sending & { isSecond: boolean },
  ): Promise<void> {
    this.options.onFailure?.(
      error,
      batch.map(({ member }) => member),
    );
    const isLost = isOutcomeUnknown(error);
    if (isLost && !isSecond) await sleep(LOST_PAUSE_MS);
    if (!isSecond && (isLost || isRolledBackForOthers(error))) {
      await this.send(batch, { at, mayHaveRun: mayHaveRun || isLost }, true);
    } else if (batch.length === 1 || isPassingFailure(error)) {
      for (const { reject } of batch) reject(error);
    } else {
      const middle = batch.length >> 1;
      await this.send(batch.slice(0, middle), { at, mayHaveRun });
      await this.send(batch.slice(middle), { at, mayHaveRun });
    }
  }
}

function ownShareFull(waiting: number): OverloadedError {
  return new OverloadedError(
    `${waiting} requests of yours wait already, as many as may of one user. Let some end, then try again.`,
    { details: { waiting }, headers: { 'retry-after': '1' } },
  );
}

export function overloaded(): OverloadedError {
  return new OverloadedError('The server has more requests than it can take. Try again shortly.', {
    headers: { 'retry-after': '1' },
  });
}
