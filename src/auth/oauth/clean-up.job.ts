import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { WallClock } from '../../common/clock.js';
import { JobRegistry, type JobSummary } from '../../jobs/job-registry.js';
import { Metrics } from '../../monitoring/metrics.js';
import { ExpiredRows, type ExpiringTable } from './expired-rows.repository.js';

/** Written at every sign-in, so deleted all the time. */
const SHORT_LIVED: readonly ExpiringTable[] = ['oidc_artifacts', 'email_tokens', 'login_throttle'];
const HISTORY: readonly ExpiringTable[] = ['auth_grants', 'api_keys', 'auth_events'];

/** Keeps the tables of the sign-in bounded. Sign-ins are on real time, so the job's own time, which a sandbox may have moved, is not used. */
@Injectable()
export class CleanUpJob implements OnModuleInit {
  private deleted: Counter | undefined;

  constructor(
    private readonly rows: ExpiredRows,
    private readonly jobs: JobRegistry,
    private readonly metrics: Metrics,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    const registers = [this.metrics.registry];
    this.deleted = new Counter({
      name: 'tollgate_expired_rows_deleted_total',
      help: 'Rows of the sign-in that this process deleted after their time',
      labelNames: ['table'],
      registers,
    });
    const read = (gauge: Gauge): Promise<void> => this.metrics.orNothing(gauge, () => this.readLags(gauge));
    new Gauge({
      name: 'tollgate_expired_rows_lag_seconds',
      help: 'How long the oldest row of the sign-in has outstayed its time',
      labelNames: ['table'],
      registers,
      collect() {
        return read(this);
      },
    });
    this.jobs.register({
      name: 'clean-up-sign-ins',
      cron: '* * * * *',
      run: (_now, signal) => this.run(SHORT_LIVED, signal),
    });
    this.jobs.register({
      name: 'clean-up-sign-in-history',
      cron: '23 3 * * *',
      run: (_now, signal) => this.run(HISTORY, signal),
    });
  }

  private async run(tables: readonly ExpiringTable[], signal: AbortSignal): Promise<JobSummary> {
    const summary: JobSummary = {};
    for (const table of tables) {
      if (signal.aborted) break;
      summary[table] = await this.rows.delete(table, this.clock.now(), signal);
      this.deleted?.inc({ table }, summary[table]);
    }
    return summary;
  }

  private async readLags(gauge: Gauge): Promise<void> {
    for (const table of SHORT_LIVED) gauge.set({ table }, await this.rows.lagSeconds(table, this.clock.now()));
  }
}
