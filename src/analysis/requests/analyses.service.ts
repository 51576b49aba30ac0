import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf } from '../../common/http/paging.js';
import { isUuid } from '../../common/ids.js';
import { Analysis, type ListedAnalysis, UNLISTED } from '../analysis.entity.js';
import { AnalysisNotFoundError } from '../analysis.errors.js';
import { AnalysisCallOffs } from './analysis-call-offs.service.js';
import type { AnalysesQuery } from './analysis.dto.js';

/** A user's own analyses, for reading and for calling off. */
@Injectable()
export class Analyses {
  constructor(
    private readonly em: EntityManager,
    private readonly callOffs: AnalysisCallOffs,
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
    const options = { orderBy: { id: 'desc' }, limit: limit + 1, exclude: UNLISTED } as const;
    const rows: ListedAnalysis[] = await this.em.fork().find(Analysis, where, options);
    return pageOf(rows, limit, ({ id }) => id);
  }

  /** @throws AnalysisNotFoundError, also for another user's */
  async read(id: string, userId: string): Promise<Analysis> {
    const analysis = isUuid(id) ? await this.em.fork().findOne(Analysis, { id, userId }) : null;
    if (!analysis) throw new AnalysisNotFoundError();
    return analysis;
  }

  /**
   * Ends an analysis that waits, and gives back what it holds; one that is worked on is ended by whoever works on it. One that rules have
   * answered keeps that answer.
   * @throws AnalysisNotFoundError, AnalysisEndedError
   */
  async cancel(id: string, userId: string): Promise<Analysis> {
    const analysis = await this.read(id, userId);
    // Where a worker was a moment faster, it is something else by now.
    return (await this.callOffs.callOff(analysis)) ? this.read(id, userId) : this.cancel(id, userId);
  }
}
