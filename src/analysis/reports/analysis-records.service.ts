import { EntityManager, type FilterQuery } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { beforeId, pageOf, type PageQuery } from '../../common/http/paging.js';
import { Analysis, type ListedAnalysis, UNLISTED } from '../analysis.entity.js';
import { FallbackComparison, RecoveryWorkflow } from '../recovery/recovery.entity.js';
import type { AdminAnalysesQuery, WorkflowsQuery } from './analysis-admin.dto.js';

/** What operators see of everybody's analyses, newest first. */
@Injectable()
export class AnalysisRecords {
  constructor(private readonly em: EntityManager) {}

  /** @throws InvalidRequestError for a cursor that is none, as all here */
  analyses({ limit, cursor, model, ...filter }: AdminAnalysesQuery) {
    const where = { ...given(filter), ...(model !== undefined && { modelType: model }), ...beforeId(cursor) };
    return this.page(where, limit);
  }

  /** Those that were given up. */
  deadLetters({ limit, cursor }: PageQuery) {
    return this.page({ status: 'dead', ...beforeId(cursor) }, limit);
  }

  async comparisons({ limit, cursor }: PageQuery) {
    const options = { orderBy: { id: 'desc' }, limit: limit + 1 } as const;
    return pageOf(await this.em.fork().find(FallbackComparison, beforeId(cursor), options), limit, ({ id }) => id);
  }

  async workflows({ limit, cursor, ...filter }: WorkflowsQuery) {
    const where = { ...given(filter), ...beforeId(cursor) };
    const rows = await this.em.fork().find(RecoveryWorkflow, where, { orderBy: { id: 'desc' }, limit: limit + 1 });
    return pageOf(rows, limit, ({ id }) => id);
  }

  private async page(where: FilterQuery<Analysis>, limit: number) {
    const options = { orderBy: { id: 'desc' }, limit: limit + 1, exclude: UNLISTED } as const;
    const rows: ListedAnalysis[] = await this.em.fork().find(Analysis, where, options);
    return pageOf(rows, limit, ({ id }) => id);
  }
}

/** The members that were asked for. */
function given<Filter extends object>(filter: Filter): Partial<Filter> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Partial<Filter>;
}
