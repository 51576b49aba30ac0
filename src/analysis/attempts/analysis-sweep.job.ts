import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { JobRegistry, type JobSummary } from '../../jobs/job-registry.js';
import { Analysis, awaitsUpgrade, type ListedAnalysis, UNLISTED } from '../analysis.entity.js';
import { AnalysisSettler } from '../holds/analysis-settler.service.js';
import { AnalysisDispatch } from './analysis-dispatch.service.js';

/** Longer than anything that is under way leaves its row alone, a wait for the next try of an upgrade included. */
const UNTOUCHED_MS = 30 * 60_000;
/** Of one run, for each of the two that are looked for. */
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
    const left = await this.leftBefore(em, new Date(now.getTime() - UNTOUCHED_MS));
    const known = await this.dispatch.having(
      em,
      left.map(({ id }) => id),
    );
    const summary = { sent: 0, released: 0, failed: 0 };
    for (const analysis of left) {
      const hasWork = isOpen(analysis) || awaitsUpgrade(analysis);
      if (hasWork && known.has(analysis.id)) continue;
      try {
        // What an upgrade holds is for its next worker, who may find an answer that is still to be charged.
        await (hasWork ? this.send(analysis, now) : this.settler.release(analysis, 'swept'));
        summary[hasWork ? 'sent' : 'released'] += 1;
      } catch (error) {
        this.logger.error({ err: error, id: analysis.id }, 'an analysis that was left behind could not be mended');
        summary.failed += 1;
      }
    }
    return summary;
  }

  private async leftBefore(em: EntityManager, before: Date): Promise<ListedAnalysis[]> {
    const options = { limit: ROWS_MAX, orderBy: { updatedAt: 'asc' }, exclude: UNLISTED } as const;
    const isLeft = { $or: [{ status: { $in: ['queued', 'processing'] as const } }, { isHoldOpen: true }] };
    const isUntouched = { updatedAt: { $lt: before } };
    const open: ListedAnalysis[] = await em.find(Analysis, { ...isUntouched, ...isLeft }, options);
    // Between two tries an upgrade holds nothing; its recovery runs, and few others do.
    const awaiting = await em.execute<{ id: string }[]>(
      `select a.id from recovery_workflows w join ai_analyses a on a.id = w.analysis_id
        where w.state = 'running' and a.status = 'completed' and not a.is_hold_open and a.updated_at < ?
        order by a.updated_at limit ${ROWS_MAX}`,
      [before],
    );
    const ids = awaiting.map(({ id }) => id);
    return [...open, ...(await em.find(Analysis, { id: { $in: ids }, ...isUntouched }, options))];
  }

  private send(analysis: ListedAnalysis, now: Date): Promise<void> {
    const { id, fallbackMetadata } = analysis;
    return this.em.fork().transactional(async (em) => {
      await em.nativeUpdate(Analysis, { id }, { updatedAt: now });
      await (isOpen(analysis)
        ? this.dispatch.send(em, analysis)
        : this.dispatch.sendUpgrade(em, id, fallbackMetadata?.upgradeAttempts ?? 0));
    });
  }
}

function isOpen({ status }: ListedAnalysis): boolean {
  return status === 'queued' || status === 'processing';
}
