import { quantile } from '../quantile.js';
import type { UsageQuery } from './usage-queries.js';

/** A server, and as whom it is asked. */
export interface Answering {
  url: string;
  token: string;
}

export interface QueryRow {
  name: string;
  p50Ms: number;
  p95Ms: number;
  bytes: number;
}

const MEMORY_EVERY_PARTS = 256;

/** @throws Error when it is answered with anything but 200 */
async function ask({ url, token }: Answering, path: string, body?: object): Promise<Response> {
  const answer = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

/** Each question so many times after one that warms up, one after the other. */
export async function measureQueries(
  queries: readonly UsageQuery[],
  askers: Record<UsageQuery['as'], Answering>,
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

/** The first and the last tenth of so many pages of the ledger. */
export async function measurePages(asker: Answering, pages: number): Promise<{ pages: number; ratio: number }> {
  const times: number[] = [];
  let cursor: string | null = '';
  while (cursor !== null && times.length < pages) {
    const path: string = `/admin/usage/ledger?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    let next: string | null = null;
    times.push(
      await timed(async () => {
        ({ nextCursor: next } = (await (await ask(asker, path)).json()) as { nextCursor: string | null });
      }),
    );
    cursor = next;
  }
  const tenth = Math.max(1, Math.floor(times.length / 10));
  return { pages: times.length, ratio: quantile(times.slice(-tenth), 0.5) / quantile(times.slice(0, tenth), 0.5) };
}

/** The slowest of a hundred chats, from the request to the end of its answer, one after the other. */
export async function measureAdmission(asker: Answering, calls: number): Promise<number> {
  const body = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16 };
  const times: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    times.push(await timed(async () => (await ask(asker, '/v1/chat/completions', body)).arrayBuffer()));
  }
  // The first tenth warms up.
  return quantile(times.slice(Math.floor(calls / 10)), 0.99);
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

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
