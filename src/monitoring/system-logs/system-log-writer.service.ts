import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { isPassingFailure } from '../../common/errors/passing-failure.js';
import { newId } from '../../common/ids.js';
import { Metrics } from '../metrics.js';
import { PeriodicWork } from '../periodic-work.js';
import { LogBuffer, UNSTORED_SERVICE } from './log-buffer.js';
import { toSystemLog } from './system-log-line.js';

const FLUSH_MS = 2_000;
/** Lines of one statement. */
const BATCH_LINES_MAX = 500;

/** Lines of people who are gone keep their text and lose the name. */
const INSERT_SQL = `
  insert into system_logs (id, level, message, service, metadata, user_id, session_id, created_at)
  select l.id, l.level::system_log_level, l.message, l.service, l.metadata, u.id, l."sessionId", l."createdAt"
    from jsonb_to_recordset(?::jsonb) as l (id uuid, level text, message text, service text, metadata jsonb, "userId" uuid, "sessionId" text,
      "createdAt" timestamptz)
    left join users u on u.id = l."userId"`;

/** Stores the log in batches, one at a time and beside all requests. What cannot be stored is dropped and counted; nothing ever waits for it. */
@Injectable()
export class SystemLogWriter implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly work = new PeriodicWork(FLUSH_MS, () => this.storeAll());
  private readonly logger = new Logger(UNSTORED_SERVICE);
  private readonly written: Counter;
  /** Lines that the database refuses. */
  private refused = 0;

  constructor(
    private readonly em: EntityManager,
    private readonly buffer: LogBuffer,
    { registry }: Metrics,
  ) {
    const registers = [registry];
    this.written = new Counter({
      name: 'tollgate_system_logs_written_total',
      help: 'Lines of the log that were stored',
      registers,
    });
    const lost = (): number => buffer.dropped + this.refused;
    new Gauge({
      name: 'tollgate_system_logs_dropped',
      help: 'Lines of the log that were not stored since the start: the database was too slow, or refused them',
      registers,
      collect() {
        this.set(lost());
      },
    });
    new Gauge({
      name: 'tollgate_system_logs_waiting',
      help: 'Lines of the log that wait to be stored',
      registers,
      collect() {
        this.set(buffer.waiting);
      },
    });
  }

  onApplicationBootstrap(): void {
    this.work.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.work.stop();
  }

  /** Stores what waits, as far as the database takes it. */
  flush(): Promise<void> {
    return this.work.run();
  }

  /** What waits now; lines that come meanwhile are for the next time, so that it ends whatever is written about it. */
  private async storeAll(): Promise<void> {
    for (let left = this.buffer.waiting; left > 0; left -= BATCH_LINES_MAX) {
      const lines = this.buffer.take(Math.min(left, BATCH_LINES_MAX));
      if (!(await this.store(lines))) return;
    }
  }

  /** Whether the database took them, or never will. */
  private async store(lines: readonly string[]): Promise<boolean> {
    const rows = lines.flatMap((line) => toSystemLog(line) ?? []).map((row) => ({ ...row, id: newId() }));
    try {
      await this.em.fork().execute(INSERT_SQL, [JSON.stringify(rows)]);
      this.written.inc(rows.length);
      return true;
    } catch (error) {
      this.logger.warn({ err: error, lines: lines.length }, 'lines of the log could not be stored');
      if (isPassingFailure(error)) {
        this.buffer.putBack(lines);
        return false;
      }
      this.refused += lines.length;
      return true;
    }
  }
}
