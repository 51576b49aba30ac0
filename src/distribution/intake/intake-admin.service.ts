import { EntityManager, type FilterQuery, LockMode } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { assertIfMatch } from '../../common/http/etag.js';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { Diagnostics } from '../diagnostics.entity.js';
import { DiagnosticsNotFoundError, FeedbackNotFoundError } from '../distribution.errors.js';
import { Feedback } from '../feedback.entity.js';
import { type DiagnosticsQuery, etagOfFeedback, type FeedbackQuery, type UpdateFeedbackRequest } from './intake.dto.js';

/** What a list shows of a report: not the report itself, which may be megabytes long. */
const SUMMARY = ['id', 'userId', 'appVersion', 'platform', 'kind', 'sizeBytes', 'createdAt'] as const;

/** What the apps sent, as the operators work through it. */
@Injectable()
export class IntakeAdminService {
  constructor(
    private readonly em: EntityManager,
    private readonly audit: AuditTrail,
  ) {}

  /** Newest first. @throws InvalidRequestError for a cursor that is none */
  async feedback({ state, category, platform, limit, cursor }: FeedbackQuery) {
    const where: FilterQuery<Feedback> = {
      ...(state && { state }),
      ...(category && { category }),
      ...(platform && { platform }),
      ...beforeId(cursor),
    };
    const rows = await this.em.fork().find(Feedback, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws FeedbackNotFoundError */
  async readFeedback(id: string): Promise<Feedback> {
    const feedback = await this.em.fork().findOne(Feedback, { id });
    if (!feedback) throw new FeedbackNotFoundError();
    return feedback;
  }

  /** Moves it on. What people wrote is not copied into the audit trail, which is kept for ever. @throws FeedbackNotFoundError, IfMatchRequiredError, StaleEtagError */
  async updateFeedback(
    id: string,
    { state, reason }: UpdateFeedbackRequest,
    operator: AuditCause & { ifMatch: string },
    now: Date,
  ): Promise<Feedback> {
    return this.em.fork().transactional(async (em) => {
      const feedback = await em.findOne(Feedback, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (!feedback) throw new FeedbackNotFoundError();
      assertIfMatch(operator.ifMatch, etagOfFeedback(feedback));
      const before = { state: feedback.state };
      em.assign(feedback, { state, updatedAt: now });
      await em.flush();
      const change = { action: 'feedback.update', entity: 'feedback', entityId: id, before, after: { state } };
      await this.audit.record(change, { ...operator, reason }, now);
      return feedback;
    });
  }

  /** Newest first, without their payloads. @throws InvalidRequestError for a cursor that is none */
  async diagnostics({ kind, platform, userId, limit, cursor }: DiagnosticsQuery) {
    const where: FilterQuery<Diagnostics> = {
      ...(kind && { kind }),
      ...(platform && { platform }),
      ...(userId && { userId }),
      ...beforeId(cursor),
    };
    const rows = await this.em
      .fork()
      .find(Diagnostics, where, { fields: SUMMARY, orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws DiagnosticsNotFoundError */
  async readDiagnostics(id: string): Promise<Diagnostics> {
    const report = await this.em.fork().findOne(Diagnostics, { id });
    if (!report) throw new DiagnosticsNotFoundError();
    return report;
  }
}
