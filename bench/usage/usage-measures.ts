import { quantile } from '../quantile.js';
import { type Answering, ask, type Askers, type Question, timed } from './asking.js';

/** The whole answer of 95 in 100 questions. */
export const GOAL_P95_MS = 200;
const MEMORY_EVERY_PARTS = 256;

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
  /** How much longer the last tenth of the pages took than the first. */
  ratio: number;
}

/** So many pages of a list, or all that it has. */
export async function measurePages(asker: Answering, path: string, most: number): Promise<PagingRow> {
  const times: number[] = [];
  let cursor: string | null = '';
  while (cursor !== null && times.length < most) {
    const page: string = `${path}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    let next: string | null = null;
    times.push(
      await timed(async () => {
        ({ nextCursor: next } = (await (await ask(asker, page)).json()) as { nextCursor: string | null });
      }),
    );
    cursor = next;
  }
  // The very first answer also makes connections and plans.
  const warm = times.slice(1);
  const tenth = Math.max(1, Math.floor(warm.length / 10));
  const ratio = quantile(warm.slice(-tenth), 0.5) / quantile(warm.slice(0, tenth), 0.5);
  return { path, pages: times.length, ratio };
}

/** The whole ledger as CSV, as fast as it comes. */
export async function measureExport(
  asker: Answering,
  residentBytes: () => number | undefined,
): Promise<{ rows: number; seconds: number; bytes: number; grownMebibytes: number }> {
  const before = residentBytes() ?? 0;
  const began = performance.now();
  let [bytes, lines, parts, most] = [0, 0, 0, before];
  const file = await ask(asker, '/admin/usage/export?from=2000-01-01T00:00:00Z');
  for await (const part of file.body!) {
    bytes += part.byteLength;
    for (const byte of part) if (byte === 10) lines += 1;
    if ((parts += 1) % MEMORY_EVERY_PARTS === 0) most = Math.max(most, residentBytes() ?? 0);
  }
  const seconds = (performance.now() - began) / 1_000;
  return { rows: lines - 1, seconds, bytes, grownMebibytes: (most - before) / 2 ** 20 };
}
