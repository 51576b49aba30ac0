import { MikroORM } from '@mikro-orm/postgresql';
import type { INestApplicationContext } from '@nestjs/common';
import type pg from 'pg';
import { checkPartitions } from '../../src/database/partition-checks.js';
import { HOT_TABLES } from '../../src/monitoring/database/hot-tables.js';
import type { Catalogue } from './plan-checks.js';

/** What every request or page reads. */
const WATCHED_TABLES: readonly string[] = [...HOT_TABLES, 'usage_hourly', 'usage_totals'];
/** What no question may read whole. */
export const LARGE_TABLES: readonly string[] = [
  ...WATCHED_TABLES,
  'system_logs',
  'api_usage',
  'performance_metrics',
  'audit_trail',
];
/** Rows of these are counted as what the calls take. */
const STORED_TABLES = ['token_usage_ledger', 'credit_postings', 'credit_holds', 'usage_hourly', 'usage_totals'];
/** The users of the calls registered in the seconds before the first of them. */
const REGISTRATION_DAYS = 3;

/** The months that a server would have made when they were ahead. */
export async function makePastMonths(tools: INestApplicationContext, days: number): Promise<void> {
  const em = tools.get<MikroORM>(MikroORM).em.fork();
  const first = new Date(Date.now() - (days + REGISTRATION_DAYS) * 86_400_000);
  for (const { mend } of await checkPartitions(em, first, Math.ceil(days / 28))) await em.execute(mend);
}

export async function readCatalogue(client: pg.Client): Promise<Catalogue> {
  const { rows } = await client.query<{ name: string; kind: string; parent: string | null; rows: string }>(
    `select c.relname as name, c.relkind as kind, i.inhparent::regclass::text as parent, c.reltuples::bigint as rows
     from pg_class c left join pg_inherits i on i.inhrelid = c.oid where c.relnamespace = 'public'::regnamespace`,
  );
  const parentsOf = (kind: string): Map<string, string> =>
    new Map(rows.flatMap((row) => (row.parent !== null && row.kind === kind ? [[row.name, row.parent]] : [])));
  return {
    parents: parentsOf('r'),
    parentIndexes: parentsOf('i'),
    rowCounts: new Map(rows.map((row) => [row.name, Number(row.rows)])),
  };
}

export async function heaviestUser(client: pg.Client): Promise<{ id: string; email: string }> {
  const { rows } = await client.query<{ id: string; email: string }>(
    `select u.id, u.email from usage_hourly h join users u on u.id = h.user_id
     where u.email like u.id || '%' group by u.id order by sum(h.request_count) desc limit 1`,
  );
  return rows[0]!;
}

export interface ScanShare {
  indexShare: number;
  /** Tables that were read whole, with how often. */
  wholeTables: string[];
}

/** How the watched tables were read, by everything since the counters were reset. */
export async function readScans(client: pg.Client): Promise<ScanShare> {
  const { rows } = await client.query<{ relname: string; whole: string; indexed: string }>(
    `select s.relname, s.seq_scan as whole, coalesce(s.idx_scan, 0) as indexed
     from pg_stat_user_tables s left join pg_inherits i on i.inhrelid = s.relid
     where coalesce(i.inhparent::regclass::text, s.relname) = any($1)`,
    [WATCHED_TABLES],
  );
  const sum = (pick: 'whole' | 'indexed') => rows.reduce((total, row) => total + Number(row[pick]), 0);
  const tables = rows.filter(({ whole }) => Number(whole) > 0).map(({ relname, whole }) => `${relname}: ${whole}`);
  return { indexShare: sum('indexed') / Math.max(1, sum('indexed') + sum('whole')), wholeTables: tables };
}

export interface StorageRow {
  table: string;
  rows: number;
  heapBytesPerRow: number;
  indexBytesPerRow: number;
}

export async function readStorage(client: pg.Client): Promise<StorageRow[]> {
  const stored: StorageRow[] = [];
  for (const table of STORED_TABLES) {
    const { rows } = await client.query<{ heap: string; index: string; rows: string }>(
      `select sum(pg_relation_size(oid)) as heap, sum(pg_indexes_size(oid)) as index, (select count(*) from ${table}) as rows
       from pg_class where relkind = 'r' and (oid = $1::regclass or oid in (select inhrelid from pg_inherits where inhparent = $1::regclass))`,
      [table],
    );
    const [{ heap, index, rows: count }] = rows as [(typeof rows)[number]];
    const per = (bytes: string): number => Number(bytes) / Math.max(1, Number(count));
    stored.push({ table, rows: Number(count), heapBytesPerRow: per(heap), indexBytesPerRow: per(index) });
  }
  return stored;
}
