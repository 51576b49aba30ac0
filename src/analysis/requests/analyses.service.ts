import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import { Analysis } from '../analysis.entity.js';
import { AnalysisEndedError, AnalysisNotFoundError, AnalysisUnderWayError } from '../analysis.errors.js';
import { AnalysisSettler } from '../holds/analysis-settler.service.js';
import { RecoveryLog } from '../recovery/recovery-log.service.js';
import type { AnalysesQuery } from './analysis.dto.js';

/** A user's own analyses, for reading and for calling off. */
@Injectable()
export class Analyses {
  constructor(
    private readonly em: EntityManager,
    private readonly progress: AnalysisProgress,
    private readonly settler: AnalysisSettler,
    private readonly recovery: RecoveryLog,
  ) {}

  /** Newest first. @throws InvalidRequestError for a cursor that is none */
  async page(userId: string, { status, subject, kind, limit, cursor }: AnalysesQuery) {
    const where: FilterQuery<Analysis> = {
      userId,
      ...beforeId(cursor),
      ...(status && { status }),
      ...(subject && { subjectId: subject }),
      ...(kind && { kind }),
    };
    const rows = await this.em.fork().find(Analysis, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws AnalysisNotFoundError, also for another user's */
  async read(id: string, userId: string): Promise<Analysis> {
    const analysis = isUuid(id) ? await this.em.fork().findOne(Analysis, { id, userId }) : null;
    if (!analysis) throw new AnalysisNotFoundError();
    return analysis;
  }

  /**
   * Ends an analysis that no model has been asked for yet, or that waits for another attempt, and gives back what it holds.
   * @throws AnalysisNotFoundError, AnalysisUnderWayError, AnalysisEndedError
   */
  async cancel(id: string, userId: string): Promise<Analysis> {
    const analysis = await this.read(id, userId);
    if (analysis.status === 'processing') throw new AnalysisUnderWayError();
    if (analysis.status !== 'queued') throw new AnalysisEndedError(analysis.status);
    const isCancelled = await this.progress.change(analysis, {
      set: (now) => ({ status: 'cancelled', completedAt: now, modifiedBy: userId }),
      event: { name: 'cancelled', isLast: true },
      also: (em, now) => this.recovery.end(em, id, 'given_up', now),
    });
    // A worker was a moment faster.
    if (!isCancelled) throw new AnalysisUnderWayError();
    await this.settler.release(analysis, 'cancelled');
    return this.read(id, userId);
  }
}
