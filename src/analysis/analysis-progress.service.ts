import { type EntityData, EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Batcher, type BatcherOptions } from '../common/batcher.js';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { EventStreams, type NewEvent } from '../jobs/events/event-streams.service.js';
import { changeAnalyses, type ChangedRow } from './analysis-changes.js';
import { Analysis, type ModelAnswer } from './analysis.entity.js';

/** Far more than are under way in one process. */
const BATCH_MEMBERS_MAX = 256;
/** While one waits for a row that somebody has locked, another goes on. */
const BATCHES_IN_FLIGHT = 2;
/** What a batch has the way for before another goes beside it: longer than one takes that waits for nobody, short for somebody who waits. */
const OVERLAP_AFTER_MS = 50;

type Change = EntityData<Analysis>;

/** One change of a row and what belongs to it: the event that tells of it, and whatever else must be there with it or not at all. */
export interface Progress {
  set: Change | ((now: Date) => Change);
  event?: NewEvent | undefined;
  /** Only where no answer is kept that is still to be charged. */
  isUnanswered?: boolean | undefined;
  /** Only where its user has not called it off. */
  isWanted?: boolean | undefined;
  also?: ((em: EntityManager, now: Date) => Promise<void>) | undefined;
}

interface Member {
  seen: Analysis;
  progress: Omit<Progress, 'also'>;
  /** Whether the row is wanted as it is then. */
  isRead?: boolean;
}

/**
 * The only writer of analyses under way. A row is changed by whoever has its last attempt: the number of attempts is its fence, so that a worker
 * that was taken for dead changes nothing when it comes back. What many jobs of a process read and write at the same time shares a round trip
 * and a commit.
 */
@Injectable()
export class AnalysisProgress {
  private readonly reads: Batcher<{ id: string }, Analysis | null>;
  private readonly changes: Batcher<Member, ChangedRow | null>;

  constructor(
    private readonly em: EntityManager,
    private readonly events: EventStreams,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {
    this.reads = new Batcher({
      ...this.manner(),
      keysOf: () => [],
      laneOf: ({ id }) => id,
      send: (members) => this.readAll(members.map(({ id }) => id)),
    });
    this.changes = new Batcher({
      ...this.manner(),
      keysOf: ({ seen }) => [seen.id],
      laneOf: ({ seen }) => seen.id,
      send: (members, { at }) => this.em.fork().transactional((em) => this.changeAll(em, members, at)),
    });
  }

  find(id: string): Promise<Analysis | null> {
    return this.reads.add({ id });
  }

  /** Takes the row for a new attempt; null where it has ended, or somebody else has just taken it. */
  async claim(
    seen: Analysis,
    { set, ...progress }: Omit<Progress, 'also' | 'set'> & { set: Change },
  ): Promise<Analysis | null> {
    const { region: regionProcessed } = this.config;
    const claimed = { ...progress, set: { ...set, attempts: seen.attempts + 1, regionProcessed } };
    const row = await this.changes.add({ seen, progress: claimed, isRead: true });
    return row && this.em.fork().map(Analysis, row);
  }

  /** Keeps an answer before it is charged. False where the row is another's by now. */
  keep(analysis: Analysis, answer: ModelAnswer): Promise<boolean> {
    // The time stays, so that no index changes: the end follows at once.
    return this.change(analysis, { set: { answer, updatedAt: analysis.updatedAt } });
  }

  /** Changes the row as it was seen, in one transaction with its event. False where it has moved on. */
  async change(seen: Analysis, { also, ...progress }: Progress): Promise<boolean> {
    const member = { seen, progress };
    if (!also) return (await this.changes.add(member)) !== null;
    const now = this.clock.now();
    return this.em.fork().transactional(async (em) => {
      const [row] = await this.changeAll(em, [member], now);
      if (row) await also(em, now);
      return row !== null;
    });
  }

  /** Null for each row that had moved on. */
  private async changeAll(em: EntityManager, members: readonly Member[], now: Date): Promise<(ChangedRow | null)[]> {
    const rows = await changeAnalyses(
      em,
      members.map(({ seen, progress: { set, isUnanswered = false, isWanted = false }, isRead = false }) => ({
        seen,
        isUnanswered,
        isWanted,
        isRead,
        set: { updatedAt: now, ...(typeof set === 'function' ? set(now) : set) },
      })),
    );
    const told = members.flatMap(({ seen: { id: entityId, userId }, progress: { event } }) =>
      event && rows.has(entityId) ? [{ owner: { entityId, userId }, event }] : [],
    );
    if (told.length > 0) await this.events.appendAll(em, told, now);
    return members.map(({ seen }) => rows.get(seen.id) ?? null);
  }

  private async readAll(ids: string[]): Promise<(Analysis | null)[]> {
    const rows = await this.em.fork().find(Analysis, { id: { $in: ids } }, { disableIdentityMap: true });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  }

  private manner(): Pick<
    BatcherOptions<never, never>,
    'membersMax' | 'inFlightMax' | 'overlapAfterMs' | 'waitingMax' | 'laneWaitingMax' | 'now'
  > {
    return {
      membersMax: BATCH_MEMBERS_MAX,
      inFlightMax: BATCHES_IN_FLIGHT,
      overlapAfterMs: OVERLAP_AFTER_MS,
      waitingMax: Infinity,
      laneWaitingMax: Infinity,
      now: () => this.clock.now(),
    };
  }
}
