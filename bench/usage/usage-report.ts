import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineReport, Table } from '../engine/engine-report.js';
import type { AdmissionTimes } from './admission.js';
import type { PlanRow } from './judged-plans.js';
import type { UsageSettings } from './usage-bench.js';
import type { ScanShare, StorageRow } from './usage-database.js';
import { type ExportRow, GOAL_P95_MS, type PagingRow, type QueryRow } from './usage-measures.js';

/** Smaller ledgers lie on so few pages that they are read whole with a good reason. */
const JUDGED_ROWS_LEAST = 100_000;
const INDEX_SHARE_LEAST = 0.95;
/** The last pages against the first, with room for noise: what reads all that lies before a page takes a hundred times as long. */
const PAGING_RATIO_MOST = 2;
/** Room for what a collector leaves lying now and then: rows that are kept add their size with each. */
const EXPORT_GROWTH_MOST = 1.25;

export interface UsageReport {
  startedAt: string;
  machine: EngineReport['machine'];
  settings: UsageSettings;
  seed: { rows: number; seconds: number };
  rollup: { rows: number; seconds: number; backendPeakMebibytes: number };
  books: { checks: number; seconds: number; faults: string[] };
  admission: { empty: AdmissionTimes; full: AdmissionTimes };
  /** Write-ahead log of one request. */
  walBytes: number;
  plans: PlanRow[];
  queries: QueryRow[];
  paging: PagingRow[];
  scans: ScanShare;
  exported: ExportRow;
  storage: StorageRow[];
}

/** What makes the bench fail: nothing that a busy machine changes, and of small tables only that the books balance. */
export function usageFaults({ settings, books, plans, paging, scans, exported }: UsageReport): string[] {
  if (settings.rows < JUDGED_ROWS_LEAST) return books.faults;
  return [
    ...books.faults,
    ...plans.flatMap(({ name, faults }) => faults.map((fault) => `${name} ${fault}`)),
    ...paging
      .filter(({ ratio }) => ratio > PAGING_RATIO_MOST)
      .map(({ path, pages, ratio }) => `${path} takes ${ratio.toFixed(1)} times as long at page ${pages} as at page 1`),
    ...(scans.indexShare < INDEX_SHARE_LEAST
      ? [
          `${(100 * scans.indexShare).toFixed(1)} % of the scans are by an index; whole: ${scans.wholeTables.join(', ')}`,
        ]
      : []),
    ...(exported.afterMebibytes > EXPORT_GROWTH_MOST * exported.firstFifthMebibytes
      ? [`an export takes ever more memory: ${exported.afterMebibytes.toFixed(0)} MiB after a fifth of its rows`]
      : []),
  ];
}

const perSecond = ({ rows, seconds }: { rows: number; seconds: number }): string =>
  `${Math.round(rows / seconds)} rows/s (${seconds.toFixed(1)} s)`;

export function usageTables(report: UsageReport): Table[] {
  return [figuresTable(report), queryTable(report), storageTable(report.storage)];
}

function figuresTable({ seed, rollup, books, admission, walBytes, paging, scans, exported }: UsageReport): Table {
  const { empty, full } = admission;
  const against = (pick: keyof AdmissionTimes): string =>
    `${(full[pick] / empty[pick]).toFixed(2)} (${full[pick].toFixed(1)} and ${empty[pick].toFixed(1)} ms)`;
  return {
    head: ['what', 'measured', 'goal'],
    body: [
      ['calls written, with users', perSecond(seed), ''],
      ['roll-up of all', `${perSecond(rollup)}, server process ${rollup.backendPeakMebibytes.toFixed(0)} MiB`, ''],
      ['reconciliation', `${books.checks} checks in ${books.seconds.toFixed(1)} s`, ''],
      ['admission p99 against an empty ledger', against('p99Ms'), '≤ 1.1'],
      ['admission p50 against an empty ledger', against('p50Ms'), ''],
      ['write-ahead log of a request', `${walBytes.toFixed(0)} bytes`, ''],
      ...paging.map(({ path, pages, ratio }) => [
        `${path}, page ${pages} against page 1`,
        ratio.toFixed(2),
        `≤ ${PAGING_RATIO_MOST}`,
      ]),
      ['share of index scans, hot tables', scans.indexShare.toFixed(4), `≥ ${INDEX_SHARE_LEAST}`],
      ['tables read whole', scans.wholeTables.join(', ') || 'none', ''],
      ['export of all as CSV', perSecond(exported), ''],
      [
        'memory of the server after a fifth of it against before',
        `${(exported.afterMebibytes / exported.firstFifthMebibytes).toFixed(2)} (${exported.afterMebibytes.toFixed(0)} and ${exported.firstFifthMebibytes.toFixed(0)} MiB)`,
        `≤ ${EXPORT_GROWTH_MOST}`,
      ],
    ],
  };
}

function queryTable({ queries, plans }: UsageReport): Table {
  return {
    head: ['question', 'p50 ms', 'p95 ms', 'goal', 'rows read', 'bytes', 'plan'],
    body: queries.map(({ name, p50Ms, p95Ms, bytes }, place) => [
      name,
      p50Ms.toFixed(1),
      p95Ms.toFixed(1),
      p95Ms <= GOAL_P95_MS ? `≤ ${GOAL_P95_MS}` : `≤ ${GOAL_P95_MS}, missed`,
      plans[place]!.rowsRead.toFixed(0),
      String(bytes),
      plans[place]!.faults.join('; ') || 'as asserted',
    ]),
  };
}

function storageTable(storage: readonly StorageRow[]): Table {
  return {
    head: ['table', 'rows', 'bytes of a row', 'bytes of its indexes'],
    body: storage.map(({ table, rows, heapBytesPerRow, indexBytesPerRow }) => [
      table,
      String(rows),
      heapBytesPerRow.toFixed(0),
      indexBytesPerRow.toFixed(0),
    ]),
  };
}

/** Writes `<folder>/usage-<time>.json`; returns its path. */
export function writeUsageReport(report: UsageReport, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `usage-${report.startedAt.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}
