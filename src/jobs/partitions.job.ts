import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { checkPartitions } from '../database/partition-checks.js';
import type { Finding } from '../database/schema-comparison.js';
import { JobFailureService } from './job-failure.service.js';
import { reasonOf } from './failure-reason.js';
import { JobRegistry, type JobSummary } from './job-registry.js';

export const PARTITIONS_JOB = 'partitions';
/** Once a day, and not at the full hour, when everything else runs. */
const CRON = '43 1 * * *';
/** A quarter: whoever is told that a month cannot be made has that long. */
const MONTHS_AHEAD = 3;
/** Making a partition locks its table. Requests do not queue behind a job that waits for the lock: it tries again the next day. */
const LOCK_TIMEOUT = '2s';

/** Makes the months of every partitioned table ahead of time. What is missing and cannot be made is an open failure. */
@Injectable()
export class PartitionsJob implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: PARTITIONS_JOB, cron: CRON, run: (now) => this.run(now) });
    this.failures.onRetry(PARTITIONS_JOB, async ({ entityId }, now) => {
      const missing = (await this.missing(now)).find(({ subject }) => subject === entityId);
      if (missing) await this.make(missing);
    });
  }

  /** Counts the partitions that were missing, and those that still are. */
  private async run(now: Date): Promise<JobSummary> {
    const missing = await this.missing(now);
    let failed = 0;
    for (const finding of missing) if (!(await this.tryToMake(finding, now))) failed += 1;
    return { made: missing.length - failed, failed };
  }

  private missing(now: Date): Promise<Finding[]> {
    return checkPartitions(this.em.fork(), now, MONTHS_AHEAD);
  }

  private async tryToMake(finding: Finding, now: Date): Promise<boolean> {
    try {
      await this.make(finding);
    } catch (error) {
      const reason = `${finding.message} ${reasonOf(error)}`;
      await this.failures.record({ job: PARTITIONS_JOB, entity: finding.kind, entityId: finding.subject, reason }, now);
      return false;
    }
    await this.failures.resolve(PARTITIONS_JOB, finding.kind, finding.subject, now);
    return true;
  }

  private async make({ mend }: Finding): Promise<void> {
    await this.em.fork().transactional(async (em) => {
      await em.execute(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
      await em.execute(mend);
    });
  }
}
