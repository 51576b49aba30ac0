import type { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { Config } from '../../config/config.js';
import { AnalysisQueueFullError } from '../analysis.errors.js';
import { turnOf } from '../domain/turn.js';
import type { CreateAnalysisRequest } from './analysis.dto.js';

const HOUR_MS = 3_600_000;
/** What is held stays held until then at most. */
const DEADLINE_MS_MAX = 24 * HOUR_MS;
const DEADLINE_MS_DEFAULT = HOUR_MS;
/** What a place in the queue is taken to cost where nothing was measured yet. */
const PROCESSING_MS_ASSUMED = 2_000;
/** Of the measured, the newest. */
const MEASURED_MAX = 50;
/** How old the measure of an estimate may be: with a long queue it takes a while to find the newest that have ended. */
const MEASURED_MS_MAX = 10_000;

/** Where an analysis stands that was queued at `queuedAt`. */
export interface QueuePlace {
  queuedAt: Date;
  /** By which the queue is in order. */
  turnAt: Date;
  /** 1 is next. */
  position: number;
  estimatedStartAt: Date;
}

/** Gives out places in the queue, as many as one user may have, and says until when they can be wanted. */
@Injectable()
export class AnalysisPlaces {
  private measured: { processingMs: number; until: number } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** @throws InvalidRequestError for one that is past or too far away */
  deadlineOf({ deadline }: Pick<CreateAnalysisRequest, 'deadline'>): Date {
    const now = this.clock.now();
    const latest = new Date(now.getTime() + DEADLINE_MS_MAX);
    const at = deadline ?? new Date(now.getTime() + DEADLINE_MS_DEFAULT);
    if (at > now && at <= latest) return at;
    const message = `must be after ${now.toISOString()} and at most 24 hours later`;
    throw InvalidRequestError.of([{ field: 'deadline', message }]);
  }

  /** The next place of its user and priority, in the transaction that fills it. @throws AnalysisQueueFullError where as many wait as may */
  async take(em: EntityManager, { userId, priority }: { userId: string; priority: number }): Promise<QueuePlace> {
    const queuedAt = this.clock.now();
    const turnAt = await this.turnFor(em, { userId, priority, queuedAt });
    const [row] = await em.execute<{ before: number }[]>(
      `select count(*)::integer as before from ai_analyses where status = 'queued' and turn_at <= ?`,
      [turnAt],
    );
    const before = row?.before ?? 0;
    const waitMs = before * (await this.processingMs(em));
    return { queuedAt, turnAt, position: before + 1, estimatedStartAt: new Date(queuedAt.getTime() + waitMs) };
  }

  /** One user's come one after the other, so that each sees those before it. */
  private async turnFor(
    em: EntityManager,
    { userId, priority, queuedAt }: { userId: string; priority: number; queuedAt: Date },
  ): Promise<Date> {
    await em.execute('select pg_advisory_xact_lock(hashtext(?))', [`ai_analyses ${userId}`]);
    const [queued] = await em.execute<{ count: number; turn_at: string | null }[]>(
      `select count(*)::integer as count, max(turn_at) filter (where priority = ?) as turn_at
       from ai_analyses where user_id = ? and status = 'queued'`,
      [priority, userId],
    );
    const { analysesQueuedMax } = this.config;
    if (queued && queued.count >= analysesQueuedMax) throw new AnalysisQueueFullError(analysesQueuedMax);
    return turnOf({ queuedAt, priority, lastOfUser: queued?.turn_at ? new Date(queued.turn_at) : null });
  }

  /** The median of the newest. */
  private async processingMs(em: EntityManager): Promise<number> {
    if (this.measured && performance.now() < this.measured.until) return this.measured.processingMs;
    const [row] = await em.execute<{ processing_ms: number | null }[]>(
      `select percentile_cont(0.5) within group (order by r.processing_ms) as processing_ms
       from (select processing_ms from ai_analyses where status = 'completed' order by id desc limit ${MEASURED_MAX}) r`,
    );
    const processingMs = row?.processing_ms ?? PROCESSING_MS_ASSUMED;
    this.measured = { processingMs, until: performance.now() + MEASURED_MS_MAX };
    return processingMs;
  }
}
