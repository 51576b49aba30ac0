import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { PersonalDataRegistry } from '../../common/personal-data.js';
import { Config } from '../../config/config.js';
import { sqlStateOf } from '../../database/database-errors.js';
import { JobFailureService } from '../../jobs/job-failure.service.js';
import { JobRegistry, type JobSummary } from '../../jobs/job-registry.js';
import { UserRepository } from './user.repository.js';

export const ERASURE_JOB = 'erase-users';
const DAY_MS = 24 * 60 * 60 * 1000;
/** Of one run; the next is an hour later. */
const USERS_MAX = 500;
/** A foreign key that refuses: `restrict_violation` from PostgreSQL 18 on, `foreign_key_violation` before. */
const STILL_REFERENCED = new Set(['23001', '23503']);

type Erasure = 'deleted' | 'anonymised' | 'skipped';

/**
 * Erases people whose grace is over and of whom nothing is under way. Who is named by no line of money or audit is deleted. Who is, becomes nobody: those lines must stay, and then
 * name an id that leads to nothing.
 */
@Injectable()
export class ErasureJob implements OnModuleInit {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
    private readonly users: UserRepository,
    private readonly personalData: PersonalDataRegistry,
    private readonly jobs: JobRegistry,
    private readonly failures: JobFailureService,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: ERASURE_JOB, cron: '11 * * * *', run: (_now, signal) => this.eraseDue(signal) });
    this.failures.onRetry(ERASURE_JOB, async ({ entityId }) => void (await this.erase(entityId)));
  }

  /** Each person in a transaction of their own; one that fails becomes an open failure and keeps nobody else waiting. */
  async eraseDue(signal: AbortSignal): Promise<JobSummary> {
    const counts = { deleted: 0, anonymised: 0, skipped: 0, failed: 0 };
    for (const id of await this.users.findErasable(this.deletedBefore(), USERS_MAX)) {
      if (signal.aborted) break;
      try {
        counts[await this.erase(id)] += 1;
        await this.failures.resolve(ERASURE_JOB, 'user', id, this.clock.now());
      } catch (error) {
        counts.failed += 1;
        const reason = error instanceof Error ? error.message : String(error);
        await this.failures.record({ job: ERASURE_JOB, entity: 'user', entityId: id, reason }, this.clock.now());
      }
    }
    return counts;
  }

  private async erase(id: string): Promise<Erasure> {
    return this.em.fork().transactional(async (em) => {
      const user = await this.users.lockErasable(id, this.deletedBefore());
      if (!user || (await this.personalData.mustWait(id))) return 'skipped';
      for (const { erase } of this.personalData.list()) await erase?.(id);
      await em.execute('delete from mail_outbox where to_address = ?', [user.email]);
      try {
        // A savepoint: where the row has to stay, what was erased before stays erased.
        await em.transactional((inner) => inner.execute('delete from users where id = ?', [id]));
        return 'deleted';
      } catch (error) {
        if (!STILL_REFERENCED.has(sqlStateOf(error) ?? '')) throw error;
        await this.users.anonymise(id);
        return 'anonymised';
      }
    });
  }

  private deletedBefore(): Date {
    return new Date(this.clock.now().getTime() - this.config.deletionGraceDays * DAY_MS);
  }
}
