import type { Machine } from './machine.js';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ratios, type Row, type Spread } from './summary.js';

export interface Report {
  startedAt: string;
  machine: Machine & { loadAverage: number };
  settings: { connections: number; seconds: number; rounds: number; warmUpSeconds: number; delayMs: number };
  rows: Row[];
  /** What a peer could not do, and what it answered. */
  unmeasured: string[];
  /** Empty when the ledger equals the provider's bill and every invariant holds. */
  faults: string[];
}

const COLUMNS: [title: string, pick: (row: Row) => Spread | null, digits: number][] = [
  ['req/s', (row) => row.requestsPerSecond, 0],
  ['CPU µs/req', (row) => row.cpuMicrosPerRequest, 0],
  ['DB CPU µs/req', (row) => row.databaseCpuMicrosPerRequest, 0],
  ['first byte p50 ms', (row) => row.firstByteP50Ms, 2],
  ['first byte p99 ms', (row) => row.firstByteP99Ms, 2],
  ['memory MiB', (row) => row.residentMebibytes, 0],
];

function cell(spread: Spread | null, digits: number): string {
  if (!spread) return '–';
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => value.toFixed(digits));
  return min === max ? median! : `${median} [${min} ${max}]`;
}

/** Markdown: medians with the smallest and largest round in brackets. */
export function toTable(rows: readonly Row[]): string {
  const head = ['scenario', 'contender', ...COLUMNS.map(([title]) => title)];
  const body = rows.map((row) => [
    row.scenario,
    row.contender,
    ...COLUMNS.map(([, pick, digits]) => cell(pick(row), digits)),
  ]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function ratioTable(rows: readonly Row[]): string {
  const lines = ratios(rows).map(
    ({ scenario, name, value, goal }) => `| ${scenario} | ${name} | ${value.toFixed(2)} | ${goal} |`,
  );
  return ['| scenario | ratio within this run | measured | goal |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

/** Writes `<folder>/<time>.json` and `.html`; returns their paths. */
export function writeReport(report: Report, folder: string): { json: string; html: string } {
  mkdirSync(folder, { recursive: true });
  const base = join(folder, report.startedAt.replaceAll(/[:.]/g, '-'));
  writeFileSync(`${base}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${base}.html`, toHtml(report));
  return { json: `${base}.json`, html: `${base}.html` };
}

const BAR_HEIGHT = 22;
const CHART_WIDTH = 720;
const LABEL_WIDTH = 190;

function chart(title: string, rows: readonly Row[], pick: (row: Row) => Spread | null): string {
  const known = rows.flatMap((row) => {
    const spread = pick(row);
    return spread ? [{ label: `${row.scenario}, ${row.contender}`, isOwn: row.contender === 'tollgate', spread }] : [];
  });
  const largest = Math.max(...known.map(({ spread }) => spread.max), 1);
  const scale = (CHART_WIDTH - LABEL_WIDTH - 70) / largest;
  const bars = known.map(({ label, isOwn, spread }, index) => {
    const y = index * BAR_HEIGHT;
    const width = spread.median * scale;
    return `<text x="${LABEL_WIDTH - 8}" y="${y + 15}" text-anchor="end">${label}</text>
<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${width.toFixed(1)}" height="14" class="${isOwn ? 'own' : 'other'}"/>
<line x1="${(LABEL_WIDTH + spread.min * scale).toFixed(1)}" x2="${(LABEL_WIDTH + spread.max * scale).toFixed(1)}" y1="${y + 11}" y2="${y + 11}"/>
<text x="${(LABEL_WIDTH + spread.max * scale + 6).toFixed(1)}" y="${y + 15}">${spread.median.toFixed(spread.median < 10 ? 2 : 0)}</text>`;
  });
  return `<h2>${title}</h2><svg viewBox="0 0 ${CHART_WIDTH} ${known.length * BAR_HEIGHT}" role="img" aria-label="${title}">${bars.join('\n')}</svg>`;
}

function toHtml(report: Report): string {
  const { machine, settings, rows, unmeasured, faults } = report;
  const table = (markdown: string): string =>
    `<table>${markdown
      .split('\n')
      .filter((line) => !line.startsWith('| ---'))
      .map((line, index) => {
        const tag = index === 0 ? 'th' : 'td';
        return `<tr>${line
          .slice(2, -2)
          .split(' | ')
          .map((text) => `<${tag}>${text.replaceAll('<', '&lt;')}</${tag}>`)
          .join('')}</tr>`;
      })
      .join('')}</table>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tollgate benchmark ${report.startedAt}</title>
<style>:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;font-size:13px}
th,td{border-bottom:1px solid #8884;padding:.3rem .6rem;text-align:left}svg{width:100%;font-size:12px;fill:currentColor}.own{fill:#2f5bd8}.other{fill:#8a94a6}line{stroke:currentColor}</style>
<h1>Tollgate benchmark</h1>
<p>${report.startedAt}. ${machine.cpu}, ${machine.cores} cores shared by load generator, provider, contender and database; Node ${machine.node}; load average ${machine.loadAverage.toFixed(1)} at the end.
${settings.connections} connections, ${settings.rounds} rounds of ${settings.seconds} s, interleaved; the provider answers after ${settings.delayMs} ms. Medians; lines and brackets show the smallest and largest round.</p>
<p><strong>${faults.length === 0 ? 'After the load the ledger equals the provider’s bill and every invariant holds.' : `The books do not balance: ${faults.join('; ')}`}</strong></p>
${unmeasured.map((text) => `<p>Not measured: ${text}</p>`).join('')}
${table(ratioTable(rows))}
${chart('Requests per second', rows, (row) => row.requestsPerSecond)}
${chart('CPU of the gateway process, µs per request', rows, (row) => row.cpuMicrosPerRequest)}
${chart('First byte at p50 with four callers, ms', rows, (row) => row.firstByteP50Ms)}
${chart('Memory after the load, MiB', rows, (row) => row.residentMebibytes)}
${table(toTable(rows))}
</html>
`;
}
