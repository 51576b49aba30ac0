import { setTimeout as sleep } from 'node:timers/promises';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { Client } from 'pg';
import { Config } from '../../config/config.js';
import { ARCHIVED_TABLES, archiveOf } from '../../database/archived-tables.js';
import { sqlStateOf } from '../../database/database-errors.js';
import { withDirectClient } from '../../database/direct-connection.js';
import { AuditTrail } from '../../monitoring/audit-trail.service.js';

/** The move needs its table alone for a moment. Requests wait behind it no longer than this; then it steps back. */
const LOCK_TIMEOUT = '200ms';
const ATTEMPTS_MAX = 5;
const PAUSE_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** One month of one table. */
export interface TableMonth {
  table: string;
  /** `2026-11` */
  month: string;
  /** With its indexes. */
  bytes: bigint;
}

export type MonthPlace = 'table' | 'archive';

/** Why a month is moved, and when. */
export interface MoveCause {
  reason: string;
  now: Date;
  signal?: AbortSignal;
}

/** Moves months between the tables that are kept for ever and their archives. No row is copied, and each month moves whole or not at all. */
@Injectable()
export class MonthArchive {
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
    private readonly audit: AuditTrail,
  ) {}

  /** The months that lie more than `months` full months before the one of `now`, oldest first. Those in the partition for strays stay. */
  async due(now: Date, months: number): Promise<TableMonth[]> {
    const firstKept = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1)).toISOString().slice(0, 7);
    return (await this.list('table')).filter(({ month }) => month < firstKept);
  }

  /** The months that are in the tables or in the archives, oldest first. */
  async list(place: MonthPlace): Promise<TableMonth[]> {
    const rows = await this.em.fork().execute<{ table: string; month: string; bytes: string }[]>(
      `select t.name as table, replace(right(c.relname, 7), '_', '-') as month, pg_total_relation_size(c.oid)::text as bytes
         from jsonb_to_recordset(?::jsonb) as t (name text, parent text)
         join pg_inherits i on i.inhparent = t.parent::regclass join pg_class c on c.oid = i.inhrelid
        where c.relname ~ '_\\d{4}_\\d\\d$' order by 2, 1`,
      [JSON.stringify(ARCHIVED_TABLES.map((name) => ({ name, parent: place === 'table' ? name : archiveOf(name) })))],
    );
    return rows.map((row) => ({ ...row, bytes: BigInt(row.bytes) }));
  }

  /**
   * Moves a month and answers how many rows it has. Where others hold the table it tries again a few times.
   * @throws the database's error when the table was never free, or the month is not where it should be
   */
  async move(month: TableMonth, to: MonthPlace, cause: MoveCause): Promise<bigint> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const rows = await withDirectClient(this.config, (client) => prove(client, month), cause.signal);
        await this.moveProven(month, to, { ...cause, rows });
        return rows;
      } catch (error) {
        if (sqlStateOf(error) !== LOCK_NOT_AVAILABLE || attempt === ATTEMPTS_MAX) throw error;
        await sleep(PAUSE_MS, undefined, { signal: cause.signal });
      }
    }
  }

  private async moveProven(
    { table, month }: TableMonth,
    to: MonthPlace,
    { reason, now, rows }: MoveCause & { rows: bigint },
  ): Promise<void> {
    await this.em.fork().transactional(async (em) => {
      await em.execute(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
      await em.execute('select tollgate.move_month(?, ?::date, ?)', [table, `${month}-01`, to === 'archive']);
      await em.execute(`alter table ${partitionOf({ table, month })} drop constraint ${PROOF}`);
      await this.audit.record(
        {
          action: to === 'archive' ? 'month.archive' : 'month.restore',
          entity: 'month',
          entityId: nameOf({ table, month }),
          before: null,
          after: { rows: String(rows) },
        },
        { actorId: null, reason },
        now,
      );
    });
  }
}

/** What a month is called in the audit trail and among failures. */
export function nameOf({ table, month }: Pick<TableMonth, 'table' | 'month'>): string {
  return `${table} ${month}`;
}

/** The name of a constraint that a month has while it moves; one that an interrupted move left does no harm. */
const PROOF = 'within_its_month';

function partitionOf({ table, month }: Pick<TableMonth, 'table' | 'month'>): string {
  return `${table}_${month.replace('-', '_')}`;
}

/** When a month begins and ends. */
function boundsOf({ month }: TableMonth): [first: string, end: string] {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return [new Date(Date.UTC(year, number - 1)).toISOString(), new Date(Date.UTC(year, number)).toISOString()];
}

/**
 * Has the rows of a month read and counted while everybody may still use them: what is proven of them is not read again under the lock of
 * the move.
 */
async function prove(client: Client, month: TableMonth): Promise<bigint> {
  const partition = partitionOf(month);
  // As literals: PostgreSQL proves nothing from an expression that it would have to compute.
  const [first, end] = boundsOf(month);
  await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
  await client.query(`
    begin;
    alter table ${partition} drop constraint if exists ${PROOF};
    alter table ${partition} add constraint ${PROOF}
      check (created_at >= '${first}' and created_at < '${end}') not valid;
    commit`);
  await client.query(`alter table ${partition} validate constraint ${PROOF}`);
  const { rows } = await client.query<{ rows: string }>(`select count(*)::text as rows from ${partition}`);
  return BigInt(rows[0]!.rows);
}
