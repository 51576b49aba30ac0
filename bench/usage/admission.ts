import type pg from 'pg';
import { quantile } from '../quantile.js';
import { type Answering, ask, timed } from './asking.js';

const CHAT = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 16 };

export interface AdmissionTimes {
  p50Ms: number;
  p99Ms: number;
}

async function chat(asker: Answering): Promise<void> {
  await (await ask(asker, '/v1/chat/completions', CHAT)).arrayBuffer();
}

/** Chats from the request to the end of the answer, one after the other and by turns, so that both meet the same noise. */
export async function measureAdmission(
  askers: { empty: Answering; full: Answering },
  calls: number,
): Promise<{ empty: AdmissionTimes; full: AdmissionTimes }> {
  const times: Record<keyof typeof askers, number[]> = { empty: [], full: [] };
  const warmUps = Math.ceil(calls / 10);
  for (let call = -warmUps; call < calls; call += 1) {
    for (const name of ['empty', 'full'] as const) {
      const spent = await timed(() => chat(askers[name]));
      if (call >= 0) times[name].push(spent);
    }
  }
  const toTimes = (of: number[]): AdmissionTimes => ({ p50Ms: quantile(of, 0.5), p99Ms: quantile(of, 0.99) });
  return { empty: toTimes(times.empty), full: toTimes(times.full) };
}

/** Bytes of write-ahead log for each chat that comes alone, whole pages after a checkpoint included. */
export async function measureWal(client: pg.Client, asker: Answering, calls: number): Promise<number> {
  const position = async (): Promise<bigint> => {
    const { rows } = await client.query<{ bytes: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text as bytes`,
    );
    return BigInt(rows[0]!.bytes);
  };
  const before = await position();
  for (let call = 0; call < calls; call += 1) await chat(asker);
  return Number((await position()) - before) / calls;
}
