import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HotTableWatch, type ScanCounts } from '../monitoring/database/hot-table-watch.service.js';
import { JobCursor } from './job-cursor.entity.js';
import { JobFailureService } from './job-failure.service.js';
import { JobRegistry, type JobSummary } from './job-registry.js';

const JOB = 'hot-table-scans';
const CRON = '*/5 * * * *';

/**
 * Compares how the hot tables were read with the run before, whichever replica that was on. One that is read from end to end again and again
 * is an open failure, which is logged, counted in the metrics and listed; it ends with the first run that sees nothing of it.
 */
@Injectable()
export class HotTableScansJob implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly watch: HotTableWatch,
    private readonly failures: JobFailureService,
    private readonly jobs: JobRegistry,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: JOB, cron: CRON, run: (now) => this.run(now) });
  }

  private async run(now: Date): Promise<JobSummary> {
    const em = this.em.fork();
    const cursor = await em.findOne(JobCursor, { name: JOB });
    const before = cursor ? (JSON.parse(cursor.position) as ScanCounts) : {};
    const { counts, findings } = await this.watch.since(before);
    let scanned = 0;
    for (const { table, finding } of findings) {
      if (finding === null) await this.failures.resolve(JOB, 'table', table, now);
      else await this.failures.record({ job: JOB, entity: 'table', entityId: table, reason: finding }, now);
      if (finding !== null) scanned += 1;
    }
    await em.upsert(JobCursor, { name: JOB, position: JSON.stringify(counts), updatedAt: now });
    return { scanned };
  }
}
