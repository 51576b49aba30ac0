import { formatCredits, UCR_PER_CREDIT } from '../common/domain/micro-credits.js';
import type { MonthFigures } from './figures.js';

const WIDTH = 760;
const HEIGHT = 260;
const LEFT = 64;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 28;
const TICKS = 4;
/** More month names than this would run into each other. */
const NAMES_MAX = 12;

interface Series {
  name: string;
  /** The number of its colour. */
  colour: 1 | 2 | 3;
  of: (month: MonthFigures) => bigint;
}

export interface SimulationPage {
  title: string;
  /** Whether every invariant holds, and in which words. */
  verdict: string;
  months: readonly MonthFigures[];
  lines: readonly string[];
}

/** One file without scripts or addresses: charts and figures, light and dark. */
export function toPage({ title, verdict, months, lines }: SimulationPage): string {
  const charts = [
    lineChart('What all have and owe at the end of each month', months, [
      { name: 'balance', colour: 1, of: (month) => month.balance },
      { name: 'debt', colour: 2, of: (month) => month.debt },
    ]),
    barChart('Given and used, by month', months, [
      { name: 'granted', colour: 1, of: (month) => month.granted },
      { name: 'purchased', colour: 3, of: (month) => month.purchased },
      { name: 'used', colour: 2, of: (month) => month.used },
    ]),
    barChart('What became of the rest, by month', months, [
      { name: 'carried', colour: 1, of: (month) => month.carried },
      { name: 'forfeited', colour: 2, of: (month) => month.forfeited },
      { name: 'expired', colour: 3, of: (month) => month.expired },
    ]),
  ];
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>
<style>:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif;--c1:#2f5bd8;--c2:#c2571a;--c3:#2a8a5f}
@media (prefers-color-scheme:dark){:root{--c1:#7c9dff;--c2:#f0935a;--c3:#5fc79a}}
body{max-width:52rem;margin:2rem auto;padding:0 1rem}h2{font-size:1rem;margin:2rem 0 .3rem}svg{width:100%;font-size:11px;fill:currentColor}
.s1{fill:var(--c1)}.s2{fill:var(--c2)}.s3{fill:var(--c3)}path.s1,path.s2,path.s3{fill:none;stroke-width:2}path.s1{stroke:var(--c1)}path.s2{stroke:var(--c2)}
path.s3{stroke:var(--c3)}.grid{stroke:currentColor;stroke-opacity:.15}.key{display:flex;gap:1.2rem;font-size:13px}.key i{display:inline-block;width:.8em;height:.8em;margin-right:.4em}
.key .s1{background:var(--c1)}.key .s2{background:var(--c2)}.key .s3{background:var(--c3)}pre{overflow-x:auto;font-size:13px}</style>
<h1>${escape(title)}</h1><p><strong>${escape(verdict)}</strong></p>
${charts.join('\n')}
<h2>Figures</h2><pre>${escape(lines.join('\n'))}</pre></html>
`;
}

function lineChart(title: string, months: readonly MonthFigures[], series: readonly Series[]): string {
  const { x, y, frame } = scaleOf(months, series);
  const lines = series.map(({ colour, of }) => {
    const points = months.map((month, index) => `${x(index + 0.5)} ${y(of(month))}`);
    return `<path class="s${colour}" d="M${points.join('L')}"/>`;
  });
  const dots = series.flatMap(({ name, colour, of }) =>
    months.map(
      (month, index) =>
        `<circle class="s${colour}" cx="${x(index + 0.5)}" cy="${y(of(month))}" r="3">${tip(month, name, of)}</circle>`,
    ),
  );
  return figure(title, series, frame + lines.join('') + dots.join(''));
}

function barChart(title: string, months: readonly MonthFigures[], series: readonly Series[]): string {
  const { x, y, frame } = scaleOf(months, series);
  const width = 0.8 / series.length;
  const bars = series.flatMap(({ name, colour, of }, place) =>
    months.map((month, index) => {
      const [left, top] = [x(index + 0.1 + place * width), y(of(month))];
      const [wide, high] = [x(width) - x(0), y(0n) - top];
      return `<rect class="s${colour}" x="${left}" y="${top}" width="${wide.toFixed(1)}" height="${high.toFixed(1)}">${tip(month, name, of)}</rect>`;
    }),
  );
  return figure(title, series, frame + bars.join(''));
}

/** Places on the drawing, and its axes: months from 0 to their number, credits from 0 to a round number above all. */
function scaleOf(
  months: readonly MonthFigures[],
  series: readonly Series[],
): { x: (index: number) => number; y: (amountUcr: bigint) => number; frame: string } {
  const credits = (amountUcr: bigint): number => Number(amountUcr / UCR_PER_CREDIT);
  const most = Math.max(1, ...series.flatMap(({ of }) => months.map((month) => credits(of(month)))));
  const step = roundAbove(most / TICKS);
  const x = (index: number): number =>
    Math.round((LEFT + (index * (WIDTH - LEFT - RIGHT)) / Math.max(1, months.length)) * 10) / 10;
  const height = (value: number): number =>
    Math.round((HEIGHT - BOTTOM - (value * (HEIGHT - TOP - BOTTOM)) / (step * TICKS)) * 10) / 10;
  const grid = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const at = height(tick * step);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 6}" y="${at + 4}" text-anchor="end">${short(tick * step)}</text>`;
  });
  const every = Math.ceil(months.length / NAMES_MAX);
  const names = months.map(({ month }, index) =>
    index % every === 0
      ? `<text x="${x(index + 0.5)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${month}</text>`
      : '',
  );
  return { x, y: (amountUcr) => height(credits(amountUcr)), frame: grid.join('') + names.join('') };
}

function figure(title: string, series: readonly Series[], drawing: string): string {
  const key = series.map(({ name, colour }) => `<span><i class="s${colour}"></i>${name}</span>`).join('');
  return `<h2>${title}, credits</h2><div class="key">${key}</div><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${drawing}</svg>`;
}

function tip(month: MonthFigures, name: string, of: Series['of']): string {
  return `<title>${month.month}: ${name} ${formatCredits(of(month))}</title>`;
}

/** The next of 1, 2, 2.5, 5 and 10 times a power of ten. */
function roundAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5].find((factor) => factor * power >= value) ?? 10) * power;
}

function short(value: number): string {
  if (value >= 1_000_000) return `${Number((value / 1_000_000).toFixed(2))} M`;
  return value >= 1_000 ? `${Number((value / 1_000).toFixed(2))} k` : String(Number(value.toFixed(2)));
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
