import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import { AnalysisProgress } from '../analysis-progress.service.js';
import { Analysis } from '../analysis.entity.js';
import { AnalysisEndedError, AnalysisNotFoundError } from '../analysis.errors.js';
import { AnalysisCancellations } from '../attempts/analysis-cancellations.service.js';
import { AnalysisEndings } from '../attempts/analysis-endings.service.js';
import type { AnalysesQuery } from './analysis.dto.js';

/** A user's own analyses, for reading and for calling off. */
@Injectable()
export class Analyses {
  constructor(
    private readonly em: EntityManager,
    private readonly progress: AnalysisProgress,
    private readonly endings: AnalysisEndings,
    private readonly cancellations: AnalysisCancellations,
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
   * Ends an analysis that waits, and gives back what it holds; one that is worked on is ended by whoever works on it.
   * @throws AnalysisNotFoundError, AnalysisEndedError
   */
  async cancel(id: string, userId: string): Promise<Analysis> {
    const analysis = await this.read(id, userId);
    // Where a worker was a moment faster, it is something else by now.
    return (await this.callOff(analysis)) ? this.read(id, userId) : this.cancel(id, userId);
  }

  /** @throws AnalysisEndedError */
  private async callOff(analysis: Analysis): Promise<boolean> {
    const { id, status, cancelRequestedAt } = analysis;
    if (status !== 'queued' && status !== 'processing') throw new AnalysisEndedError(status);
    if (cancelRequestedAt) return true;
    const change = (now: Date) => cancelledBy(analysis, now);
    if (status === 'queued') return this.endings.calledOff(analysis, change);
    return this.progress.change(analysis, {
      set: (now) => ({ ...change(now), cancelRequestedAt: now }),
      also: (em) => this.cancellations.tell(em, id),
    });
  }
}

/** Who did it, beside what others did before. */
function cancelledBy({ userId, modificationHistory }: Analysis, now: Date) {
  const entry = { action: 'cancel', actorId: userId, at: now.toISOString() };
  return { modifiedBy: userId, modificationHistory: [...modificationHistory, entry] };
}
