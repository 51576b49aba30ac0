import { type EntityData, EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { EventStreams, type NewEvent } from '../jobs/events/event-streams.service.js';
import { Analysis, type ModelAnswer } from './analysis.entity.js';

type Change = EntityData<Analysis>;

/** One change of a row and what belongs to it: the event that tells of it, and whatever else must be there with it or not at all. */
export interface Progress {
  set: Change | ((now: Date) => Change);
  event?: NewEvent;
  also?: (em: EntityManager, now: Date) => Promise<void>;
}

/**
 * The only writer of analyses under way. A row is changed by whoever has its last attempt: the number of attempts is its fence, so that a worker
 * that was taken for dead changes nothing when it comes back.
 */
@Injectable()
export class AnalysisProgress {
  constructor(
    private readonly em: EntityManager,
    private readonly events: EventStreams,
    private readonly clock: Clock,
  ) {}

  find(id: string): Promise<Analysis | null> {
    return this.em.fork().findOne(Analysis, { id });
  }

  /** Takes the row for a new attempt; null where it has ended, or somebody else has just taken it. */
  async claim(seen: Analysis, progress: Omit<Progress, 'set'> & { set: Change }): Promise<Analysis | null> {
    const isTaken = await this.change(seen, { ...progress, set: { ...progress.set, attempts: seen.attempts + 1 } });
    return isTaken ? this.find(seen.id) : null;
  }

  /** Keeps an answer before it is charged. False where the row is another's by now. */
  keep(analysis: Analysis, answer: ModelAnswer): Promise<boolean> {
    return this.change(analysis, { set: { answer } });
  }

  /** Changes the row as it was seen, in one transaction with its event. False where it has moved on. */
  change({ id, userId, status, attempts }: Analysis, { set, event, also }: Progress): Promise<boolean> {
    const now = this.clock.now();
    return this.em.fork().transactional(async (em) => {
      const changed = await em.nativeUpdate(
        Analysis,
        { id, status, attempts },
        {
          ...(typeof set === 'function' ? set(now) : set),
          updatedAt: now,
        },
      );
      if (changed === 0) return false;
      if (event) await this.events.append(em, { entityId: id, userId }, event, now);
      await also?.(em, now);
      return true;
    });
  }
}
