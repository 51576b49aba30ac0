import { MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { createApp } from '../../src/bootstrap.js';
import { CliTokenService } from '../../src/auth/oauth/cli-token.service.js';
import { checkPartitions } from '../../src/database/partition-checks.js';
import { UsageRollupService } from '../../src/usage/rollup/usage-rollup.service.js';
import { startServerProcess } from '../../test/support/server-process.js';
import { issueToken } from '../../test/support/tokens.js';
import { EngineServer } from '../engine/engine-server.js';
import { describeMachine, loadAverage } from '../machine.js';
import { residentBytesOf } from '../process-stats.js';
import { type Answering, measureAdmission, measureExport, measurePages, measureQueries } from './usage-measures.js';
import { usageQueries } from './usage-queries.js';
import type { UsageReport } from './usage-report.js';
import { seedLedger } from './usage-seed.js';

export interface UsageSettings {
  rows: number;
  users: number;
  days: number;
  /** Of each question, after one that warms up. */
  repeats: number;
  /** How far a list is paged through, 200 lines at a time. */
  pages: number;
  /** Calls of each measurement of admission. */
  admissions: number;
}

export const FULL_USAGE: UsageSettings = {
  rows: 10_000_000,
  users: 100_000,
  days: 360,
  repeats: 30,
  pages: 1_000,
  admissions: 2_000,
};
/** Sizes at which everything runs once and nothing is proved but that. */
export const QUICK_USAGE: UsageSettings = { rows: 3_000, users: 50, days: 40, repeats: 2, pages: 3, admissions: 20 };

const DATABASE = 'usage';
const SECONDS_UNTIL_COUNTED = 11;
/** What every request or page reads, by the names of the tables or of their months. */
const HOT_TABLES = `relname ~ '^(token_usage_ledger|credit_postings)_' or relname in
  ('users', 'credit_accounts', 'credits', 'credit_holds', 'subscriptions', 'usage_hourly', 'auth_grants')`;

/**
 * Measures lists, reports, roll-up, export and admission on a ledger of production size, on a PostgreSQL of its own. The answers are those of
 * a server process over HTTP.
 */
export async function runUsageBench(settings: UsageSettings, say: (text: string) => void): Promise<UsageReport> {
  const startedAt = new Date().toISOString();
  const loadBefore = loadAverage();
  const server = await EngineServer.start();
  try {
    const client = new pg.Client({ connectionString: await server.createDatabase(DATABASE) });
    await client.connect();
    const tools = await createApp(server.configOf(DATABASE));
    let measured: Awaited<ReturnType<typeof measureOn>>;
    try {
      measured = await measureOn(server, { client, tools }, settings, say);
    } finally {
      await tools.close();
      await client.end();
    }
    const machine = { ...describeMachine(), loadAverage: [loadBefore, loadAverage()] as [number, number] };
    return { startedAt, machine, settings, ...measured };
  } finally {
    await server.stop();
  }
}

async function measureOn(
  server: EngineServer,
  { client, tools }: { client: pg.Client; tools: NestFastifyApplication },
  settings: UsageSettings,
  say: (text: string) => void,
): Promise<Omit<UsageReport, 'startedAt' | 'machine' | 'settings'>> {
  await makePastMonths(tools, settings.days);
  const operator = await issueToken(tools, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
  const caller = await issueToken(tools, { email: 'caller@example.com', scopes: ['llm.inference'] });
  await client.query('update plans set requests_per_minute = 1000000, monthly_credits_ucr = 1000000000000');
  const child = await startServerProcess({ ...environmentOf(server), DATABASE_POOL_SIZE: '10' });
  const at = (token: string): Answering => ({ url: child.url, token });
  try {
    say('admission on an empty ledger');
    const empty = await measureAdmission(at(caller), settings.admissions);
    const seeding = performance.now();
    await seedLedger(client, settings, say);
    const seedSeconds = secondsSince(seeding);
    say('rolling up');
    const rolling = performance.now();
    const rolledUp = await tools.get(UsageRollupService).rebuild(new Date());
    const rollupSeconds = secondsSince(rolling);
    await client.query('vacuum analyze usage_hourly');
    say('admission on the full ledger');
    const full = await measureAdmission(at(caller), settings.admissions);
    const { id, email } = await heaviestUser(client);
    const own = await tools.get(CliTokenService).issue({ email, scopes: ['credits.read', 'usage.read', 'user.info'] });
    await client.query('select pg_stat_reset()');
    const queries = await measureQueries(usageQueries(id), { operator: at(operator), user: at(own) }, settings, say);
    const paging = await measurePages(at(operator), settings.pages);
    await new Promise((resolve) => setTimeout(resolve, SECONDS_UNTIL_COUNTED * 1_000));
    const scans = await readScans(client);
    say('exporting');
    const exported = await measureExport(at(operator), () => residentBytesOf(child.child.pid!));
    return {
      admission: { emptyP99Ms: empty, fullP99Ms: full },
      seed: { rows: settings.rows, seconds: seedSeconds },
      rollup: { rows: rolledUp, seconds: rollupSeconds },
      exported,
      queries,
      paging,
      scans,
      storage: await readStorage(client),
    };
  } finally {
    await child.end();
  }
}

function environmentOf(server: EngineServer): Record<string, string> {
  return {
    NODE_ENV: 'test',
    JOBS: 'off',
    PUBLIC_URL: 'http://localhost:3000',
    DATABASE_URL: server.urlOf(DATABASE),
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
  };
}

/** The months that a server would have made when they were ahead. */
async function makePastMonths(tools: NestFastifyApplication, days: number): Promise<void> {
  const em = tools.get<MikroORM>(MikroORM).em.fork();
  const first = new Date(Date.now() - days * 86_400_000);
  for (const { mend } of await checkPartitions(em, first, Math.ceil(days / 28))) await em.execute(mend);
}

async function heaviestUser(client: pg.Client): Promise<{ id: string; email: string }> {
  const { rows } = await client.query<{ id: string; email: string }>(
    `select u.id, u.email from usage_hourly h join users u on u.id = h.user_id
     where u.email like u.id || '%' group by u.id order by sum(h.request_count) desc limit 1`,
  );
  return rows[0]!;
}

/** How often the hot tables were read whole, and how often by an index, by everything since the counters were reset. */
async function readScans(client: pg.Client): Promise<UsageReport['scans']> {
  const { rows } = await client.query<{ relname: string; whole: string; indexed: string }>(
    `select relname, seq_scan as whole, coalesce(idx_scan, 0) as indexed from pg_stat_user_tables where ${HOT_TABLES}`,
  );
  const sum = (pick: 'whole' | 'indexed') => rows.reduce((total, row) => total + Number(row[pick]), 0);
  const tables = rows.filter(({ whole }) => Number(whole) > 0).map(({ relname, whole }) => `${relname}: ${whole}`);
  return { indexShare: sum('indexed') / Math.max(1, sum('indexed') + sum('whole')), wholeTables: tables };
}

async function readStorage(client: pg.Client): Promise<UsageReport['storage']> {
  const { rows } = await client.query<{ table: string; heap: string; index: string; rows: string }>(
    `select 'token_usage_ledger' as table, sum(pg_relation_size(relid)) as heap, sum(pg_indexes_size(relid)) as index,
       (select count(*) from token_usage_ledger) as rows from pg_partition_tree('token_usage_ledger') where isleaf
     union all
     select 'usage_hourly', pg_relation_size('usage_hourly'), pg_indexes_size('usage_hourly'), (select count(*) from usage_hourly)`,
  );
  return rows.map((row) => ({
    table: row.table,
    rows: Number(row.rows),
    heapBytesPerRow: Number(row.heap) / Number(row.rows),
    indexBytesPerRow: Number(row.index) / Number(row.rows),
  }));
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1_000;
}
