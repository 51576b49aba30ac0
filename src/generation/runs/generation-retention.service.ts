import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { OrphanedGenerations } from './orphaned-generations.service.js';

const DAY_MS = 86_400_000;
/** By then the hold of a run is long over, and whoever takes it up still would be refused. */
const ORPHANED_AFTER_MS = DAY_MS;
/** Rows of one statement, so that none runs for long. */
const AT_ONCE_MAX = 500;

/** How many runs are, or were, past their time. */
export interface RetentionReport {
  /** Never came to an end: what had answered is charged and kept, the others are removed. */
  orphans: number;
  failedDeleted: number;
  archived: number;
}

interface Cutoffs {
  orphaned: Date;
  failed: Date;
  archived: Date;
}

const COLUMNS = `id, user_id, project_id, business_idea, generation_mode, deep_thinking, models_requested, models_completed, names_requested,
  total_names_generated, generation_time_ms, status, error_details, prompt_version, credits_ucr, cancel_requested_at, created_at,
  updated_at`;
const ORPHANED = `status in ('pending', 'processing') and updated_at < ?`;
const FAILED = `status = 'failed' and created_at < ?`;
const OLD = `status in ('completed', 'cancelled') and created_at < ?`;

/** What becomes of old runs. How models did in them stays, and so do the names that were suggested. */
@Injectable()
export class GenerationRetention {
  private readonly logger = new Logger(GenerationRetention.name);

  constructor(
    private readonly em: EntityManager,
    private readonly orphans: OrphanedGenerations,
    private readonly audit: AuditTrail,
    private readonly config: Config,
  ) {}

  /** What a run at `now` would find. Changes nothing. */
  async preview(now: Date): Promise<RetentionReport> {
    const { orphaned, failed, archived } = this.cutoffs(now);
    return {
      orphans: await this.count(ORPHANED, orphaned),
      failedDeleted: await this.count(FAILED, failed),
      archived: await this.count(OLD, archived),
    };
  }

  /** Ends orphans, deletes what failed long ago, and moves old runs to the archive, in batches that others may share. */
  async run(now: Date, signal: AbortSignal): Promise<RetentionReport> {
    const { orphaned, failed, archived } = this.cutoffs(now);
    return {
      orphans: await this.batches('ended', signal, () => this.orphans.endSome(orphaned, AT_ONCE_MAX, now)),
      failedDeleted: await this.batches('deleted', signal, () => this.deleteSome(FAILED, failed)),
      archived: await this.batches('archived', signal, () => this.archiveSome(archived, now)),
    };
  }

  /** The same for an operator, whose reason and result are kept. */
  async runFor(cause: AuditCause, now: Date): Promise<RetentionReport> {
    const report = await this.run(now, new AbortController().signal);
    const change = {
      action: 'generation_retention.run',
      entity: 'generation',
      entityId: 'all',
      before: null,
      after: report,
    };
    await this.audit.record(change, cause, now);
    return report;
  }

  private cutoffs(now: Date): Cutoffs {
    const before = (ms: number) => new Date(now.getTime() - ms);
    return {
      orphaned: before(ORPHANED_AFTER_MS),
      failed: before(this.config.retentionFailedGenerationsDays * DAY_MS),
      archived: before(this.config.retentionGenerationsDays * DAY_MS),
    };
  }

  private async batches(what: string, signal: AbortSignal, batch: () => Promise<number>): Promise<number> {
    for (let done = 0; ;) {
      const some = await batch();
      done += some;
      if (some > 0) this.logger.log(`${done} old runs ${what}`);
      if (some < AT_ONCE_MAX || signal.aborted) return done;
    }
  }

  private async deleteSome(condition: string, before: Date): Promise<number> {
    const rows = await this.em
      .fork()
      .execute<unknown[]>(`delete from ai_generations where ${isOneOf(condition)} returning id`, [before]);
    return rows.length;
  }

  private async archiveSome(before: Date, now: Date): Promise<number> {
    const rows = await this.em.fork().execute<unknown[]>(
      `with moved as (delete from ai_generations where ${isOneOf(OLD)} returning ${COLUMNS})
       insert into ai_generations_archive (${COLUMNS}, archived_at) select ${COLUMNS}, ? from moved returning id`,
      [before, now],
    );
    return rows.length;
  }

  private async count(condition: string, before: Date): Promise<number> {
    const [row] = await this.em
      .fork()
      .execute<{ count: string }[]>(`select count(*) from ai_generations where ${condition}`, [before]);
    return Number(row?.count ?? 0);
  }
}

/**
 * Of the next rows that the condition holds for; another replica's batch is passed by. As an array they are looked for once: joined, a planner
 * that takes the table for small looks for them anew for each row.
 */
function isOneOf(condition: string): string {
  return `id = any(array(select id from ai_generations where ${condition} order by created_at limit ${AT_ONCE_MAX} for update skip locked))`;
}
