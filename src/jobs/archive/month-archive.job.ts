import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { reasonOf } from '../failure-reason.js';
import { JobFailureService } from '../job-failure.service.js';
import { JobRegistry, type JobSummary } from '../job-registry.js';
import { type MoveCause, MonthArchive, nameOf, type TableMonth } from './month-archive.service.js';

const JOB = 'archive-months';
/** After the job that makes months, and before the night's reconciliation, which holds the tables for as long as it runs. */
const CRON = '58 1 * * *';

/** Archives the months that are older than `ARCHIVE_AFTER_MONTHS`. One that cannot be moved is an open failure. */
@Injectable()
export class MonthArchiveJob implements OnModuleInit {
  constructor(
    private readonly archive: MonthArchive,
    private readonly config: Config,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: JOB, cron: CRON, run: (now, signal) => this.run(now, signal) });
    this.failures.onRetry(JOB, async ({ entityId }, now) => {
      const month = (await this.due(now)).find((one) => nameOf(one) === entityId);
      if (month) await this.archive.move(month, 'archive', this.causeAt(now));
    });
  }

  private async run(now: Date, signal: AbortSignal): Promise<JobSummary> {
    const summary = { moved: 0, failed: 0 };
    for (const month of await this.due(now)) {
      if (signal.aborted) break;
      summary[await this.tryToMove(month, { ...this.causeAt(now), signal })] += 1;
    }
    return summary;
  }

  private async due(now: Date): Promise<TableMonth[]> {
    const { archiveAfterMonths } = this.config;
    return archiveAfterMonths === null ? [] : this.archive.due(now, archiveAfterMonths);
  }

  private causeAt(now: Date): MoveCause {
    return { now, reason: `ARCHIVE_AFTER_MONTHS=${this.config.archiveAfterMonths}` };
  }

  private async tryToMove(month: TableMonth, cause: MoveCause): Promise<'moved' | 'failed'> {
    const entityId = nameOf(month);
    try {
      await this.archive.move(month, 'archive', cause);
    } catch (error) {
      // The process stops: nothing is wrong with the month.
      if (cause.signal?.aborted) throw error;
      await this.failures.record({ job: JOB, entity: 'month', entityId, reason: reasonOf(error) }, cause.now);
      return 'failed';
    }
    await this.failures.resolve(JOB, 'month', entityId, cause.now);
    return 'moved';
  }
}
