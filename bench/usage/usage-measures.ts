import { quantile } from '../quantile.js';
import { type Answering, ask, type Askers, type Question, timed } from './asking.js';

/** The whole answer of 95 in 100 questions. */
export const GOAL_P95_MS = 200;
const MEMORY_EVERY_PARTS = 16;
const PAGE_TURNS = 30;

export interface QueryRow {
  name: string;
  p50Ms: number;
  p95Ms: number;
  bytes: number;
}

/** Each question so many times after one that warms up, one after the other. */
export async function measureQueries(
  queries: readonly Question[],
  askers: Askers,
  { repeats }: { repeats: number },
  say: (text: string) => void,
): Promise<QueryRow[]> {
  const rows: QueryRow[] = [];
  for (const { name, path, as } of queries) {
    const warm = await ask(askers[as], path);
    const bytes = (await warm.arrayBuffer()).byteLength;
    const times: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      times.push(await timed(async () => (await ask(askers[as], path)).arrayBuffer()));
    }
    const row = { name, p50Ms: quantile(times, 0.5), p95Ms: quantile(times, 0.95), bytes };
    rows.push(row);
    say(`${name}: p95 ${row.p95Ms.toFixed(0)} ms`);
  }
  return rows;
}

export interface PagingRow {
  path: string;
  pages: number;
  /** How much longer the last page takes than the first. */
  ratio: number;
}

/** Walks so many pages of a list, or all that it has, then asks for its first and its last by turns, so that both meet the same noise. */
export async function measurePages(asker: Answering, path: string, most: number): Promise<PagingRow> {
  let [last, pages] = [path, 1];
  for (let next = await nextPage(asker, path, path); next !== null && pages < most; pages += 1) {
    last = next;
    next = await nextPage(asker, path, last);
  }
  const [firstTimes, lastTimes]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < PAGE_TURNS; turn += 1) {
    firstTimes.push(await timed(() => nextPage(asker, path, path)));
    lastTimes.push(await timed(() => nextPage(asker, path, last)));
  }
  return { path, pages, ratio: quantile(lastTimes, 0.5) / quantile(firstTimes, 0.5) };
}

/** Where the page after this one is; null after the last. */
async function nextPage(asker: Answering, path: string, page: string): Promise<string | null> {
  const { nextCursor } = (await (await ask(asker, page)).json()) as { nextCursor: string | null };
  return nextCursor && `${path}&cursor=${encodeURIComponent(nextCursor)}`;
}

/** A file of many lines, and the most memory that the server had while it wrote the first fifth of them, and after. */
export interface ExportRow {
  rows: number;
  seconds: number;
  bytes: number;
  firstFifthMebibytes: number;
  afterMebibytes: number;
}

/** The whole ledger as CSV, as fast as it comes. `rows` is about how many there are. */
export async function measureExport(
  asker: Answering,
  rows: number,
  residentBytes: () => number | undefined,
): Promise<ExportRow> {
  const began = performance.now();
  const resident = (): number => (residentBytes() ?? 0) / 2 ** 20;
  let [bytes, lines, parts, firstFifth, after] = [0, 0, 0, resident(), 0];
  const file = await ask(asker, '/admin/usage/export?from=2000-01-01T00:00:00Z');
  for await (const part of file.body!) {
    bytes += part.byteLength;
    for (const byte of part) if (byte === 10) lines += 1;
    if ((parts += 1) % MEMORY_EVERY_PARTS !== 0) continue;
    if (lines < rows / 5) firstFifth = Math.max(firstFifth, resident());
    else after = Math.max(after, resident());
  }
  const seconds = (performance.now() - began) / 1_000;
  return { rows: lines - 1, seconds, bytes, firstFifthMebibytes: firstFifth, afterMebibytes: after };
}
