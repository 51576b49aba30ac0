import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { JobRegistry, type JobSummary } from '../../jobs/job-registry.js';
import { Analysis } from '../analysis.entity.js';
import { AnalysisSettler } from '../holds/analysis-settler.service.js';
import { AnalysisDispatch } from './analysis-dispatch.service.js';

/** Longer than anything that is under way leaves its row alone. */
const UNTOUCHED_MS = 30 * 60_000;
/** Of one run. */
const ROWS_MAX = 500;

/** Mends what a crash, or a backup without the queue, has left behind: rows whose job is gone, and holds of rows that have ended. */
@Injectable()
export class AnalysisSweep implements OnModuleInit {
  private readonly logger = new Logger(AnalysisSweep.name);

  constructor(
    private readonly em: EntityManager,
    private readonly jobs: JobRegistry,
    private readonly dispatch: AnalysisDispatch,
    private readonly settler: AnalysisSettler,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: 'sweep-analyses', cron: '*/5 * * * *', run: (now) => this.run(now) });
  }

  private async run(now: Date): Promise<JobSummary> {
    const em = this.em.fork();
    const before = new Date(now.getTime() - UNTOUCHED_MS);
    const left = await em.find(
      Analysis,
      { updatedAt: { $lt: before }, $or: [{ status: { $in: ['queued', 'processing'] } }, { isHoldOpen: true }] },
      { limit: ROWS_MAX, orderBy: { updatedAt: 'asc' } },
    );
    const known = await this.dispatch.having(
      em,
      left.map(({ id }) => id),
    );
    const summary = { sent: 0, released: 0, failed: 0 };
    for (const analysis of left) {
      const isOpen = analysis.status === 'queued' || analysis.status === 'processing';
      if (isOpen && known.has(analysis.id)) continue;
      try {
        await (isOpen ? this.send(analysis, now) : this.settler.release(analysis, 'swept'));
        summary[isOpen ? 'sent' : 'released'] += 1;
      } catch (error) {
        this.logger.error({ err: error, id: analysis.id }, 'an analysis that was left behind could not be mended');
        summary.failed += 1;
      }
    }
    return summary;
  }

  private send(analysis: Analysis, now: Date): Promise<void> {
    return this.em.fork().transactional(async (em) => {
      await em.nativeUpdate(Analysis, { id: analysis.id }, { updatedAt: now });
      await this.dispatch.send(em, analysis);
    });
  }
}
