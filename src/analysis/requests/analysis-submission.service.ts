import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { EventStreams } from '../../jobs/events/event-streams.service.js';
import { Analysis } from '../analysis.entity.js';
import type { HeldAnalysis } from '../holds/analysis-holds.service.js';
import { requestHashOf } from '../sharing/answer-cache.service.js';
import { AnalysisDispatch } from '../attempts/analysis-dispatch.service.js';
import type { CreateAnalysisRequest } from './analysis.dto.js';
import { AnalysisPlaces, type QueuePlace } from './analysis-places.service.js';

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
  constructor(
    private readonly em: EntityManager,
    private readonly dispatch: AnalysisDispatch,
    private readonly events: EventStreams,
    private readonly places: AnalysisPlaces,
  ) {}

  /** @throws InvalidRequestError for one that is past or too far away */
  deadlineOf(asked: Pick<CreateAnalysisRequest, 'deadline'>): Date {
    return this.places.deadlineOf(asked);
  }

  /** @throws AnalysisQueueFullError where as many of the user's wait as may */
  queue(
    held: HeldAnalysis,
    timed: TimedRequest,
    also: (em: EntityManager, queued: QueuedAnalysis) => Promise<void>,
  ): Promise<QueuedAnalysis> {
    return this.em.fork().transactional(async (em) => {
      const { userId } = held;
      const place = await this.places.take(em, { userId, priority: timed.asked.priority });
      const analysis = em.create(Analysis, toRow(held, timed, place));
      await em.persist(analysis).flush();
      const event = { name: 'queued', data: { position: place.position } };
      await this.events.append(em, { entityId: analysis.id, userId }, event, place.queuedAt);
      await this.dispatch.send(em, analysis);
      const { position, estimatedStartAt } = place;
      const queued = { analysis, position, estimatedStartAt };
      await also(em, queued);
      return queued;
    });
  }
}

function toRow(held: HeldAnalysis, { asked, deadlineAt }: TimedRequest, { queuedAt, turnAt, position }: QueuePlace) {
  const { requestId, userId, accessId, kind, bound } = held;
  const { model, tier } = bound.chat;
  return {
    id: requestId,
    userId,
    subjectId: asked.subject,
    kind: kind.kind,
    analysisVersion: kind.version,
    priority: asked.priority,
    input: {
      text: asked.text,
      ...(asked.model !== undefined && { model: asked.model }),
      inputTokens: held.inputTokens,
    },
    serviceTier: tier,
    queuedAt,
    queuePosition: position,
    createdBy: userId,
    accessId,
    modelId: model.id,
    modelVersionNo: model.versionNo,
    requestHash: requestHashOf(held, model.versionNo),
    deadlineAt,
    turnAt,
    holdId: requestId,
    isHoldOpen: true,
    createdAt: queuedAt,
    updatedAt: queuedAt,
  };
}
