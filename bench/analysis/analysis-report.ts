import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Table } from '../engine/engine-report.js';
import type { Spread } from '../summary.js';
import type { AnalysisReport } from './analysis-bench.js';
import type { Contender } from './throughput.js';

/** Of what a bare worker does, jobs with all accounting have to reach this share. */
const SHARE_MIN = 0.5;
const QUERY_MS_MAX = 200;
/** What the last third of the time may have more than the first: a collector is never quite even. */
const GROWTH_MAX = 1.1;

const shown = ({ median, min, max }: Spread): string => `${median.toFixed(0)} (${min.toFixed(0)} to ${max.toFixed(0)})`;
const judged = (isMet: boolean, goal: string): string => (isMet ? goal : `${goal}, missed`);

export function analysisTables(report: AnalysisReport): Table[] {
  return [throughputTable(report), figuresTable(report), queriesTable(report)];
}

function throughputTable({ throughput: { rows, submittedPerSecond } }: AnalysisReport): Table {
  const own = rows.find(({ contender }) => contender === 'analyses')!;
  return {
    head: ['jobs', 'per second', 'µs of the worker', 'µs of the database', 'share of it that analyses reach'],
    body: [
      ...rows.map((row) => [
        row.contender,
        shown(row.jobsPerSecond),
        row.workerCpuMicros ? shown(row.workerCpuMicros) : '',
        row.databaseCpuMicros ? shown(row.databaseCpuMicros) : '',
        row === own ? '' : shareOf(own.jobsPerSecond.median / row.jobsPerSecond.median, row.contender),
      ]),
      ['analyses taken over HTTP', shown(submittedPerSecond), '', '', ''],
    ],
  };
}

function shareOf(share: number, contender: Contender): string {
  // A worker that takes and ends one job at a time is what the bar means: so does ours, but that neighbours share statements.
  const goal = contender === 'pg-boss, singly' ? ` (${judged(share >= SHARE_MIN, `≥ ${SHARE_MIN}`)})` : '';
  return `${share.toFixed(2)}${goal}`;
}

function figuresTable({ starts, streams, settings, seededSeconds, machine }: AnalysisReport): Table {
  const growth = streams.lastThirdMebibytes / streams.firstThirdMebibytes;
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  return {
    head: ['what', 'measured'],
    body: [
      ['from being sent to its start, nothing else to do', `p50 ${ms(starts.p50Ms)}, p99 ${ms(starts.p99Ms)}`],
      [`memory with ${streams.streams} open streams, first third`, `${streams.firstThirdMebibytes} MiB`],
      ['the same without a stream', `${streams.idleMebibytes} MiB`],
      [
        `the same, last third of ${streams.seconds} s`,
        `${streams.lastThirdMebibytes} MiB (${judged(growth <= GROWTH_MAX, 'flat')})`,
      ],
      ['events that were brought', String(streams.events)],
      ['cores of the server meanwhile', streams.cores.toFixed(3)],
      [`${settings.rows} analyses seeded in`, `${seededSeconds.toFixed(0)} s`],
      ['load average of the machine, before and after', machine.loadAverage.map((load) => load.toFixed(1)).join(', ')],
    ],
  };
}

function queriesTable({ queries }: AnalysisReport): Table {
  return {
    head: ['question', 'p50 ms', 'p95 ms', 'goal', 'bytes'],
    body: queries.map(({ name, p50Ms, p95Ms, bytes }) => [
      name,
      p50Ms.toFixed(1),
      p95Ms.toFixed(1),
      judged(p95Ms <= QUERY_MS_MAX, `≤ ${QUERY_MS_MAX}`),
      String(bytes),
    ]),
  };
}

/** Writes `<folder>/analysis-<time>.json`; returns its path. */
export function writeAnalysisReport(report: AnalysisReport, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `analysis-${report.startedAt.replaceAll(/[:.]/g, '-')}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return file;
}
