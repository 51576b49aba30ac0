import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineReport, Table } from '../engine/engine-report.js';
import type { UsageSettings } from './usage-bench.js';
import type { QueryRow } from './usage-measures.js';

export interface UsageReport {
  startedAt: string;
  machine: EngineReport['machine'];
  settings: UsageSettings;
  admission: { emptyP99Ms: number; fullP99Ms: number };
  seed: { rows: number; seconds: number };
  rollup: { rows: number; seconds: number };
  exported: { rows: number; seconds: number; bytes: number; grownMebibytes: number };
  queries: QueryRow[];
  /** How much longer the last tenth of the pages took than the first. */
  paging: { pages: number; ratio: number };
  scans: { indexShare: number; wholeTables: string[] };
  storage: { table: string; rows: number; heapBytesPerRow: number; indexBytesPerRow: number }[];
}

const perSecond = ({ rows, seconds }: { rows: number; seconds: number }): string =>
  `${Math.round(rows / seconds)} rows/s (${seconds.toFixed(1)} s)`;

export function usageTables(report: UsageReport): Table[] {
  const { admission, seed, rollup, exported, queries, paging, scans, storage } = report;
  return [
    {
      head: ['what', 'measured', 'goal'],
      body: [
        ['admission p99 against an empty ledger', (admission.fullP99Ms / admission.emptyP99Ms).toFixed(2), '≤ 1.1'],
        [`page ${paging.pages} against page 1`, paging.ratio.toFixed(2), 'about 1'],
        ['share of index scans, hot tables', scans.indexShare.toFixed(4), '≥ 0.95'],
        ['tables read whole', scans.wholeTables.join(', ') || 'none', 'none with months'],
        ['rows written', perSecond(seed), ''],
        ['roll-up of all', perSecond(rollup), ''],
        ['export of all as CSV', `${perSecond(exported)}, server + ${exported.grownMebibytes.toFixed(0)} MiB`, 'flat'],
      ],
    },
    {
      head: ['question', 'p50 ms', 'p95 ms', 'goal', 'bytes'],
      body: queries.map(({ name, p50Ms, p95Ms, bytes }) => [
        name,
        p50Ms.toFixed(1),
        p95Ms.toFixed(1),
        p95Ms <= 200 ? '≤ 200' : '≤ 200, missed',
        String(bytes),
      ]),
    },
    {
      head: ['table', 'rows', 'bytes of a row', 'bytes of its indexes'],
      body: storage.map(({ table, rows, heapBytesPerRow, indexBytesPerRow }) => [
        table,
        String(rows),
        heapBytesPerRow.toFixed(0),
        indexBytesPerRow.toFixed(0),
      ]),
    },
  ];
}

/** Writes `<folder>/usage-<time>.json`; returns its path. */
export function writeUsageReport(report: UsageReport, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `usage-${report.startedAt.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}
