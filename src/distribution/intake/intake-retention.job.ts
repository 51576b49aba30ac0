import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { JobRegistry } from '../../jobs/job-registry.js';
import { Diagnostics } from '../diagnostics.entity.js';
import { IntakeRate } from '../intake-rate.entity.js';

const DAY_MS = 86_400_000;
/** Rows of one statement: reports may be megabytes long. */
const DELETED_AT_ONCE_MAX = 500;

/** Deletes reports once they have been kept long enough, and counters whose window is over. */
@Injectable()
export class IntakeRetention implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly jobs: JobRegistry,
    private readonly config: Config,
    private readonly wall: WallClock,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'intake-retention',
      cron: '23 * * * *',
      run: async (now, signal) => ({
        diagnostics: await this.deleteDiagnostics(now, signal),
        rates: await this.em.fork().nativeDelete(IntakeRate, { expire: { $lt: BigInt(this.wall.now().getTime()) } }),
      }),
    });
  }

  private async deleteDiagnostics(now: Date, signal: AbortSignal): Promise<number> {
    const em = this.em.fork();
    const where = { createdAt: { $lt: new Date(now.getTime() - this.config.retentionDiagnosticsDays * DAY_MS) } };
    for (let deleted = 0; ;) {
      const old = await em.find(Diagnostics, where, { fields: ['id'], limit: DELETED_AT_ONCE_MAX });
      deleted += await em.nativeDelete(Diagnostics, { id: { $in: old.map(({ id }) => id) } });
      em.clear();
      if (old.length < DELETED_AT_ONCE_MAX || signal.aborted) return deleted;
    }
  }
}
