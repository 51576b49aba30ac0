import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { InvalidRequestError } from '../../common/errors/common.errors.js';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import { Analysis } from '../analysis.entity.js';
import { turnOf } from '../domain/turn.js';
import type { HeldAnalysis } from '../holds/analysis-holds.service.js';
import { requestHashOf } from '../sharing/answer-cache.service.js';
import { AnalysisDispatch } from '../attempts/analysis-dispatch.service.js';
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

/** What was asked for, and until when. */
interface TimedRequest {
  asked: CreateAnalysisRequest;
  deadlineAt: Date;
}

export interface QueuedAnalysis {
  analysis: Analysis;
  position: number;
  estimatedStartAt: Date;
}

/** Takes an analysis over that is held already: row, first event and job are one transaction, with whatever `also` writes. */
@Injectable()
export class AnalysisSubmission {
  private measured: { processingMs: number; until: number } | undefined;

  constructor(
    private readonly em: EntityManager,
    private readonly dispatch: AnalysisDispatch,
    private readonly events: EventStreams,
    private readonly clock: Clock,
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

  queue(
    held: HeldAnalysis,
    timed: TimedRequest,
    also: (em: EntityManager, queued: QueuedAnalysis) => Promise<void>,
  ): Promise<QueuedAnalysis> {
    const now = this.clock.now();
    return this.em.fork().transactional(async (em) => {
      const turnAt = await this.turnFor(em, held.userId, timed.asked.priority, now);
      const place = await this.placeOf(em, turnAt, now);
      const analysis = em.create(Analysis, toRow(held, timed, { now, turnAt, position: place.position }));
      await em.persist(analysis).flush();
      const { id, userId } = analysis;
      await this.events.append(
        em,
        { entityId: id, userId },
        { name: 'queued', data: { position: place.position } },
        now,
      );
      await this.dispatch.send(em, analysis);
      const queued = { analysis, ...place };
      await also(em, queued);
      return queued;
    });
  }

  private async turnFor(em: EntityManager, userId: string, priority: number, queuedAt: Date): Promise<Date> {
    const [last] = await em.execute<{ turn_at: string | null }[]>(
      `select max(turn_at) as turn_at from ai_analyses where user_id = ? and priority = ? and status = 'queued'`,
      [userId, priority],
    );
    return turnOf({ queuedAt, priority, lastOfUser: last?.turn_at ? new Date(last.turn_at) : null });
  }

  private async placeOf(em: EntityManager, turnAt: Date, now: Date): Promise<Omit<QueuedAnalysis, 'analysis'>> {
    const [row] = await em.execute<{ before: number }[]>(
      `select count(*)::integer as before from ai_analyses where status = 'queued' and turn_at <= ?`,
      [turnAt],
    );
    const before = row?.before ?? 0;
    const waitMs = before * (await this.processingMs(em));
    return { position: before + 1, estimatedStartAt: new Date(now.getTime() + waitMs) };
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

function toRow(
  held: HeldAnalysis,
  { asked, deadlineAt }: TimedRequest,
  { now, turnAt, position }: { now: Date; turnAt: Date; position: number },
) {
  const { requestId, userId, accessId, kind, bound } = held;
  const { model, tier } = bound.chat;
  return {
    id: requestId,
    userId,
    subjectId: asked.subject,
    kind: kind.kind,
    analysisVersion: kind.version,
    priority: asked.priority,
    input: { text: asked.text, ...(asked.model !== undefined && { model: asked.model }) },
    serviceTier: tier,
    queuedAt: now,
    queuePosition: position,
    createdBy: userId,
    accessId,
    modelId: model.id,
    modelVersionNo: model.versionNo,
    requestHash: requestHashOf({ ...held, modelId: model.id }, model.versionNo),
    deadlineAt,
    turnAt,
    holdId: requestId,
    isHoldOpen: true,
    createdAt: now,
    updatedAt: now,
  };
}
