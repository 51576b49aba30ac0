import { spawn, spawnSync } from 'node:child_process';
import type pg from 'pg';

/** Per branch, which is what pgbench's scale factor counts. */
const TELLERS_PER_BRANCH = 10;
const ACCOUNTS_PER_BRANCH = 100_000;

/** The tables of pgbench, and its transaction once more as one function. */
export async function seedTpcB(client: pg.ClientBase, scale: number): Promise<void> {
  for (const sql of [
    'create table pgbench_branches (bid integer not null, bbalance integer, filler char(88)) with (fillfactor = 100)',
    'create table pgbench_tellers (tid integer not null, bid integer, tbalance integer, filler char(84)) with (fillfactor = 100)',
    'create table pgbench_accounts (aid integer not null, bid integer, abalance integer, filler char(84)) with (fillfactor = 100)',
    'create table pgbench_history (tid integer, bid integer, aid integer, delta integer, mtime timestamp, filler char(22))',
    `insert into pgbench_branches select n, 0 from generate_series(1, ${scale}) as n`,
    `insert into pgbench_tellers select n, (n - 1) / ${TELLERS_PER_BRANCH} + 1, 0 from generate_series(1, ${scale * TELLERS_PER_BRANCH}) as n`,
    `insert into pgbench_accounts select n, (n - 1) / ${ACCOUNTS_PER_BRANCH} + 1, 0, '' from generate_series(1, ${scale * ACCOUNTS_PER_BRANCH}) as n`,
    'alter table pgbench_branches add primary key (bid)',
    'alter table pgbench_tellers add primary key (tid)',
    'alter table pgbench_accounts add primary key (aid)',
    `create function tpc_b(p_aid integer, p_bid integer, p_tid integer, p_delta integer) returns integer language plpgsql as $$
      declare balance integer;
      begin
        update pgbench_accounts set abalance = abalance + p_delta where aid = p_aid;
        select abalance into balance from pgbench_accounts where aid = p_aid;
        update pgbench_tellers set tbalance = tbalance + p_delta where tid = p_tid;
        update pgbench_branches set bbalance = bbalance + p_delta where bid = p_bid;
        insert into pgbench_history (tid, bid, aid, delta, mtime) values (p_tid, p_bid, p_aid, p_delta, current_timestamp);
        return balance;
      end $$`,
    'vacuum analyze',
  ]) {
    await client.query(sql);
  }
}

/** How a transaction goes out: as pgbench sends it, seven statements and as many round trips, or in one call of a function. */
export type TpcBWay = 'statement by statement' | 'one call';

/** One transaction on one connection. */
export async function runTpcB(client: pg.ClientBase, scale: number, way: TpcBWay): Promise<void> {
  const of = (max: number): number => 1 + Math.floor(Math.random() * max);
  const account = of(scale * ACCOUNTS_PER_BRANCH);
  const [branch, teller, delta] = [of(scale), of(scale * TELLERS_PER_BRANCH), of(10_001) - 5_001];
  const send = (name: string, text: string, values: number[] = []): Promise<unknown> =>
    client.query({ name, text, values });
  if (way === 'one call') {
    await send('tpc-b', 'select tpc_b($1, $2, $3, $4)', [account, branch, teller, delta]);
    return;
  }
  await send('begin', 'begin');
  await send('account', 'update pgbench_accounts set abalance = abalance + $1 where aid = $2', [delta, account]);
  await send('balance', 'select abalance from pgbench_accounts where aid = $1', [account]);
  await send('teller', 'update pgbench_tellers set tbalance = tbalance + $1 where tid = $2', [delta, teller]);
  await send('branch', 'update pgbench_branches set bbalance = bbalance + $1 where bid = $2', [delta, branch]);
  await send(
    'history',
    'insert into pgbench_history (tid, bid, aid, delta, mtime) values ($1, $2, $3, $4, current_timestamp)',
    [teller, branch, account, delta],
  );
  await send('end', 'end');
}

/** Whether this machine has the program: it is no part of the embedded server. */
export function hasPgbench(): boolean {
  return spawnSync('pgbench', ['--version']).status === 0;
}

/** Transactions per second of the program itself, on the same tables; whole seconds, at least one. */
export async function runPgbench(url: string, clients: number, seconds: number): Promise<number> {
  const args = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds)];
  const child = spawn('pgbench', [...args, url], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  const found = /tps = ([\d.]+)/.exec(output);
  if (!found) throw new Error(`pgbench said: ${output}`);
  return Number(found[1]);
}
