import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../machine.js';
import type { Spread } from '../summary.js';
import type { PairRow, PairSettings } from './pair-rounds.js';
import type { PeriodRow } from './periods.js';

export interface EngineReport {
  startedAt: string;
  machine: Machine & { loadAverage: [before: number, after: number] };
  settings: PairSettings & { sizes: number[] };
  pairs: PairRow[];
  periods: PeriodRow[];
  /** Empty when every invariant holds after every load. */
  faults: string[];
}

export interface Bar {
  name: string;
  value: number;
  goal: string;
  isMet: boolean;
}

/** Every bar, from medians of the same run. */
export function barsOf({ pairs, periods }: Pick<EngineReport, 'pairs' | 'periods'>): Bar[] {
  return [...(['spread', 'hot'] as const).flatMap((load) => pairBars(pairs, load)), ...periodBars(periods)];
}

function pairBars(pairs: readonly PairRow[], load: PairRow['load']): Bar[] {
  const rows = pairs.filter((row) => row.load === load);
  const single = best(rows, 'one per call');
  const batched = best(rows, 'batches of 64', 'batches of 256');
  if (!single || !batched) return [];
  const bars = [
    atLeast(
      `${load}: pairs in batches against one per call at its best`,
      rateOf(batched) / rateOf(single),
      {
        spread: 6,
        hot: 20,
      }[load],
    ),
  ];
  const least = { single: leastCpu(rows, 'one per call'), batched: leastCpu(rows, 'batches of 64', 'batches of 256') };
  if (least.single && least.batched) {
    const share = least.batched / least.single;
    const isMet = share <= 1 / 7;
    bars.push({ name: `${load}: processor time per pair, server and client`, value: share, goal: '≤ 1/7', isMet });
  }
  for (const rival of rows.filter(
    ({ contender }) => contender.startsWith('pgbench') || contender.includes('statement by statement'),
  )) {
    const name = `${load}: pairs in batches against ${rival.contender}`;
    const goal = { spread: 2, hot: 3.5 }[load];
    bars.push(atLeast(name, rateOf(batched) / rateOf(rival), goal));
    // On a machine that others use, many connections get more of it than few: what each takes of the processor tells more than its rate.
    if (rival.cpuMicros && least.batched) {
      const cpuRatio = rival.cpuMicros.median / least.batched;
      bars.push(atLeast(`${load}: processor time of ${rival.contender} over that of a pair`, cpuRatio, goal));
    }
  }
  for (const [own, other] of [
    ['batches of 1, 1 in flight', 'one per call, 1 connection'],
    ['batches of 1, 16 in flight', 'one per call, 16 connections'],
  ] as const) {
    const [one, dedicated] = [best(rows, own), best(rows, other)];
    if (one && dedicated) bars.push(atLeast(`${load}: ${own} against ${other}`, rateOf(one) / rateOf(dedicated), 0.8));
  }
  return bars;
}

function periodBars(periods: readonly PeriodRow[]): Bar[] {
  const bars = periods.map((row) =>
    atLeast(`${row.subscriptions} periods: close against a bare INSERT … SELECT`, row.shareOfBare.median, 0.6),
  );
  const [first, last] = [periods[0], periods.at(-1)];
  if (!first || !last || first === last) return bars;
  const span = `${last.subscriptions} against ${first.subscriptions}`;
  const perAccount = (row: PeriodRow): number => row.reconciliationSeconds / row.postings;
  return [
    ...bars,
    atLeast(`${span}: rate of closing (linear: 1)`, last.closesPerSecond.median / first.closesPerSecond.median, 0.7),
    atMost(`${span}: memory of the largest server process`, last.backendPeakMebibytes / first.backendPeakMebibytes, 2),
    atMost(`${span}: memory of the client`, last.clientPeakMebibytes / first.clientPeakMebibytes, 2),
    atMost(`${span}: reconciliation time per posting (linear: 1)`, perAccount(last) / perAccount(first), 1.5),
  ];
}

function best(rows: readonly PairRow[], ...prefixes: string[]): PairRow | undefined {
  return ofKind(rows, prefixes).toSorted((one, other) => rateOf(other) - rateOf(one))[0];
}

/** Of the one that takes the least, which need not be the fastest: both sides at their best. */
function leastCpu(rows: readonly PairRow[], ...prefixes: string[]): number | undefined {
  const known = ofKind(rows, prefixes).flatMap(({ cpuMicros }) => (cpuMicros ? [cpuMicros.median] : []));
  return known.length === 0 ? undefined : Math.min(...known);
}

function ofKind(rows: readonly PairRow[], prefixes: readonly string[]): PairRow[] {
  return rows.filter(({ contender }) => prefixes.some((prefix) => contender.startsWith(prefix)));
}

function rateOf(row: PairRow): number {
  return row.perSecond.median;
}

function atLeast(name: string, value: number, least: number): Bar {
  return { name, value, goal: `≥ ${least}`, isMet: value >= least };
}

function atMost(name: string, value: number, most: number): Bar {
  return { name, value, goal: `≤ ${most}`, isMet: value <= most };
}

function cell(spread: Spread | null, digits = 0): string {
  if (!spread) return '–';
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits));
  return min === max ? median! : `${median} [${min} ${max}]`;
}

export type Table = { head: string[]; body: string[][] };

export function tablesOf(report: EngineReport): Table[] {
  const pairs = report.pairs.map((row) => [
    row.load,
    row.contender,
    cell(row.perSecond),
    cell(row.serverMicros),
    cell(row.clientMicros),
  ]);
  const periods = report.periods.map((row) => [
    String(row.subscriptions),
    cell(row.closesPerSecond),
    cell(row.barePerSecond),
    cell(row.shareOfBare, 2),
    row.rowsPerClose.toFixed(1),
    row.clientPeakMebibytes.toFixed(0),
    row.backendPeakMebibytes.toFixed(0),
    row.reconciliationSeconds.toFixed(1),
    String(row.postings),
  ]);
  return [
    { head: ['load', 'contender', 'pairs/s', 'server CPU µs', 'client CPU µs'], body: pairs },
    {
      head: [
        'subscriptions',
        'closes/s',
        'bare/s',
        'share',
        'rows per close',
        'client MiB',
        'server process MiB',
        'reconciliation s',
        'postings',
      ],
      body: periods,
    },
    {
      head: ['ratio within this run', 'measured', 'goal', ''],
      body: barsOf(report).map(({ name, value, goal, isMet }) => [
        name,
        value.toFixed(2),
        goal,
        isMet ? 'met' : 'missed',
      ]),
    },
  ];
}

export function toMarkdown({ head, body }: Table): string {
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Writes `<folder>/engine-<time>.json` and `.html`; returns their paths. */
export function writeEngineReport(report: EngineReport, folder: string): { json: string; html: string } {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, `engine-${report.startedAt.replaceAll(/[:.]/g, '-')}`);
  writeFileSync(`${base}.json`, `${JSON.stringify({ ...report, bars: barsOf(report) }, null, 2)}\n`);
  writeFileSync(`${base}.html`, toHtml(report));
  return { json: `${base}.json`, html: `${base}.html` };
}

const BAR_HEIGHT = 22;
const CHART_WIDTH = 720;
const LABEL_WIDTH = 230;

function chart(title: string, entries: readonly { label: string; isOwn: boolean; spread: Spread }[]): string {
  const scale = (CHART_WIDTH - LABEL_WIDTH - 70) / Math.max(...entries.map(({ spread }) => spread.max), 1);
  const bars = entries.map(({ label, isOwn, spread }, index) => {
    const y = index * BAR_HEIGHT;
    return `<text x="${LABEL_WIDTH - 8}" y="${y + 15}" text-anchor="end">${label}</text>
<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${(spread.median * scale).toFixed(1)}" height="14" class="${isOwn ? 'own' : 'other'}"/>
<line x1="${(LABEL_WIDTH + spread.min * scale).toFixed(1)}" x2="${(LABEL_WIDTH + spread.max * scale).toFixed(1)}" y1="${y + 11}" y2="${y + 11}"/>
<text x="${(LABEL_WIDTH + spread.max * scale + 6).toFixed(1)}" y="${y + 15}">${spread.median.toFixed(0)}</text>`;
  });
  return `<h2>${title}</h2><svg viewBox="0 0 ${CHART_WIDTH} ${entries.length * BAR_HEIGHT}" role="img" aria-label="${title}">${bars.join('\n')}</svg>`;
}

function toHtml(report: EngineReport): string {
  const { machine, settings, pairs, periods, faults, startedAt } = report;
  const isOwn = (contender: string): boolean => contender.startsWith('batches');
  const entriesOf = (load: string, pick: (row: PairRow) => Spread | null) =>
    pairs
      .filter((row) => row.load === load)
      .flatMap((row) => {
        const spread = pick(row);
        return spread ? [{ label: row.contender, isOwn: isOwn(row.contender), spread }] : [];
      });
  const closing = periods.flatMap(({ subscriptions, closesPerSecond, barePerSecond }) => [
    { label: `${subscriptions}, close`, isOwn: true, spread: closesPerSecond },
    { label: `${subscriptions}, bare INSERT`, isOwn: false, spread: barePerSecond },
  ]);
  const [pairTable, periodTable, bars] = tablesOf(report).map(toHtmlTable);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tollgate credit engine ${startedAt}</title>
<style>:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;font-size:13px}
th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left}svg{width:100%;font-size:12px;fill:currentColor}.own{fill:#2f5bd8}.other{fill:#8a94a6}line{stroke:currentColor}</style>
<h1>Tollgate credit engine</h1>
<p>${startedAt}. ${machine.cpu}, ${machine.cores} cores shared by client and database; Node ${machine.node}; load average ${machine.loadAverage.map((load) => load.toFixed(1)).join(' before, ')} after.
${settings.accounts} accounts, ${settings.rounds} rounds of ${settings.seconds} s, interleaved; fsync on. Medians; lines and brackets show the smallest and largest round.
TPC-B is at scale ${settings.tpcScale}: as pgbench sends it, and for comparison in one call of a function.</p>
<p><strong>${faults.length === 0 ? 'After every load every invariant holds.' : `The books do not balance: ${faults.join('; ')}`}</strong></p>
${bars}
${(['spread', 'hot'] as const)
  .map((load) => {
    const where = load === 'hot' ? 'on one account' : `over ${settings.accounts} accounts`;
    return `${chart(
      `Pairs of reserve and settle per second, ${where}`,
      entriesOf(load, (row) => row.perSecond),
    )}
${chart(
  `Processor time per pair ${where}, server and client, µs`,
  entriesOf(load, (row) => row.cpuMicros),
)}`;
  })
  .join('\n')}
${chart('Periods closed per second', closing)}
${pairTable}${periodTable}
</html>
`;
}

function toHtmlTable({ head, body }: Table): string {
  const line = (tag: string, cells: string[]): string =>
    `<tr>${cells.map((text) => `<${tag}>${text.replaceAll('<', '&lt;')}</${tag}>`).join('')}</tr>`;
  return `<table>${line('th', head)}${body.map((cells) => line('td', cells)).join('')}</table>`;
}
