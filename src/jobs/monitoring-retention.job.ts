import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WallClock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { JobRegistry, type JobSummary } from './job-registry.js';

const CRON = '27 2 * * *';
const DAY_MS = 86_400_000;
/** Rows of one statement: it holds its locks for some tens of milliseconds. */
const BATCH_ROWS = 5_000;
/** A month leaves under locks of its table and of users. Nobody waits behind a job that waits for them: it tries again the next day. */
const LOCK_TIMEOUT = '200ms';

interface KeptTable {
  table: string;
  column: string;
  days: number;
  isByMonth: boolean;
}

/** Deletes what monitoring keeps for a time: whole months as soon as all of one is too old, the rows of the others in batches. */
@Injectable()
export class MonitoringRetentionJob implements OnModuleInit {
  constructor(
    private readonly em: EntityManager,
    private readonly jobs: JobRegistry,
    private readonly config: Config,
    private readonly clock: WallClock,
  ) {}

  onModuleInit(): void {
    // These rows have real times, whatever the test clock says.
    this.jobs.register({
      name: 'monitoring-retention',
      cron: CRON,
      run: (_now, signal) => this.run(this.clock.now(), signal),
    });
  }

  private async run(now: Date, signal: AbortSignal): Promise<JobSummary> {
    const { systemLogs, performance, apiUsage } = this.config.monitoringDays;
    const tables: KeptTable[] = [
      { table: 'system_logs', column: 'created_at', days: systemLogs, isByMonth: true },
      { table: 'performance_metrics', column: 'created_at', days: performance, isByMonth: true },
      { table: 'api_usage', column: 'time_window', days: apiUsage, isByMonth: false },
    ];
    const summary = { months: 0, rows: 0 };
    for (const kept of tables) {
      const before = new Date(now.getTime() - kept.days * DAY_MS);
      if (kept.isByMonth) summary.months += await this.dropMonths(kept.table, before);
      summary.rows += await this.deleteRows(kept, before, signal);
    }
    return summary;
  }

  private async dropMonths(table: string, before: Date): Promise<number> {
    const partitions = await this.em.fork().execute<{ name: string }[]>(
      `select quote_ident(c.relname) as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = ?::regclass and c.relname ~ ? order by 1`,
      [table, `^${table}_\\d{4}_\\d\\d$`],
    );
    const old = partitions.filter(({ name }) => endOfMonth(name) <= before);
    for (const { name } of old)
      await this.em.fork().transactional(async (em) => {
        await em.execute(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
        await em.execute(`drop table ${name}`);
      });
    return old.length;
  }

  private async deleteRows({ table, column }: KeptTable, before: Date, signal: AbortSignal): Promise<number> {
    let deleted = 0;
    for (let rows = BATCH_ROWS; rows === BATCH_ROWS && !signal.aborted; deleted += rows) {
      ({ length: rows } = await this.em
        .fork()
        .execute<unknown[]>(
          `delete from ${table} where (id, ${column}) in (select id, ${column} from ${table} where ${column} < ? limit ${BATCH_ROWS}) and ${column} < ? returning 1`,
          [before, before],
        ));
    }
    return deleted;
  }
}

/** The moment a partition named by its month, `…_2026_11`, ends. */
function endOfMonth(partition: string): Date {
  const [year, month] = partition.split('_').slice(-2).map(Number);
  return new Date(Date.UTC(year ?? 0, month ?? 0, 1));
}
