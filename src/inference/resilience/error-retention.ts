import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { Config } from '../../config/config.js';
import { JobRegistry } from '../../jobs/job-registry.js';

const DAY_MS = 86_400_000;
/** Rows of one statement, so that none runs for long. */
const DELETED_AT_ONCE_MAX = 10_000;

/** Deletes what is counted and logged of providers' failures once it has been kept long enough. */
@Injectable()
export class ErrorRetention implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
    private readonly jobs: JobRegistry,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'error-retention',
      cron: '53 3 * * *',
      run: async (now, signal) => {
        const before = new Date(now.getTime() - this.config.retentionErrorsDays * DAY_MS);
        return {
          metrics: await this.deleteOlder('error_metrics', 'time_window', { before, signal }),
          logs: await this.deleteOlder('error_logs', 'created_at', { before, signal }),
        };
      },
    });
  }

  private async deleteOlder(
    table: string,
    column: string,
    { before, signal }: { before: Date; signal: AbortSignal },
  ): Promise<number> {
    const em = this.em.fork();
    for (let deleted = 0; ;) {
      const old = `select ctid from ${table} where ${column} < $1 limit $2`;
      const query = CompiledQuery.raw(`delete from ${table} where ctid in (${old})`, [before, DELETED_AT_ONCE_MAX]);
      const some = Number((await em.getKysely().executeQuery(query)).numAffectedRows ?? 0);
      deleted += some;
      if (some < DELETED_AT_ONCE_MAX || signal.aborted) return deleted;
    }
  }
}
