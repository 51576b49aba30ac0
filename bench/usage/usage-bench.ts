import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createApp } from '../../src/bootstrap.js';
import { CliTokenService } from '../../src/auth/oauth/cli-token.service.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { UsageRollupService } from '../../src/usage/rollup/usage-rollup.service.js';
import { type ServerProcess, startServerProcess } from '../../test/support/server-process.js';
import { issueToken } from '../../test/support/tokens.js';
import { EngineServer } from '../engine/engine-server.js';
import { describeMachine, loadAverage } from '../machine.js';
import { residentBytesOf } from '../process-stats.js';
import { watchMemory } from '../server-memory.js';
import { measureAdmission, measureWal } from './admission.js';
import type { Answering } from './asking.js';
import { judgePlans } from './judged-plans.js';
import { EXPLAINING_SERVER, PlanLog } from './plan-log.js';
import { heaviestUser, LARGE_TABLES, makePastMonths, readCatalogue, readScans, readStorage } from './usage-database.js';
import { measureExport, measurePages, measureQueries, type PagingRow } from './usage-measures.js';
import { PAGED_LISTS, usageQueries } from './usage-queries.js';
import type { UsageReport } from './usage-report.js';
import { seedLedger } from './usage-seed.js';

export interface UsageSettings {
  rows: number;
  users: number;
  days: number;
  /** Of each question, after one that warms up. */
  repeats: number;
  /** How far a list is paged through. */
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
  admissions: 1_000,
};
/** Sizes at which everything runs once and nothing is proved but that. */
export const QUICK_USAGE: UsageSettings = { rows: 3_000, users: 50, days: 40, repeats: 2, pages: 3, admissions: 20 };

/** What statistics of scans need to be written by sessions that rest. */
const SECONDS_UNTIL_COUNTED = 11;

type Measured = Omit<UsageReport, 'startedAt' | 'machine' | 'settings'>;

/** A migrated database with a server process on it. */
interface Subject {
  client: pg.Client;
  tools: NestFastifyApplication;
  child: ServerProcess;
  /** Asks for chats. */
  caller: Answering;
  operator: Answering;
}

/**
 * Measures lists, reports, roll-up, export and admission on a ledger of production size, on a PostgreSQL of its own. The answers are those of
 * a server process over HTTP. Admission is measured beside that of a second one, whose ledger is empty.
 */
export async function runUsageBench(settings: UsageSettings, say: (text: string) => void): Promise<UsageReport> {
  const startedAt = new Date().toISOString();
  const loadBefore = loadAverage();
  const server = await EngineServer.start(EXPLAINING_SERVER);
  try {
    const measured = await withSubject(server, 'usage_full', (full) => measureOn(server, full, settings, say));
    const machine = { ...describeMachine(), loadAverage: [loadBefore, loadAverage()] as [number, number] };
    return { startedAt, machine, settings, ...measured };
  } finally {
    await server.stop();
  }
}

async function measureOn(
  server: EngineServer,
  full: Subject,
  settings: UsageSettings,
  say: (text: string) => void,
): Promise<Measured> {
  const { client, tools, child, operator } = full;
  await makePastMonths(tools, settings.days);
  const seeding = performance.now();
  await seedLedger(server.urlOf('usage_full'), settings, say);
  const seed = { rows: settings.rows, seconds: secondsSince(seeding) };
  const rollup = await rollUp(server, full, say);
  say('admission, by turns on an empty ledger and on the full one');
  // Gone before plans are read: what it did would stand in the same log.
  const admission = await withSubject(server, 'usage_empty', (empty) =>
    measureAdmission({ empty: empty.caller, full: full.caller }, settings.admissions),
  );
  const walBytes = await measureWal(client, full.caller, Math.ceil(settings.admissions / 4));
  const { id, email } = await heaviestUser(client);
  const own = await tools.get(CliTokenService).issue({ email, scopes: ['credits.read', 'usage.read', 'user.info'] });
  await client.query('select pg_stat_reset()');
  const about = {
    plans: new PlanLog(client, server.logFile),
    catalogue: await readCatalogue(client),
    hotTables: LARGE_TABLES,
  };
  const [asked, askers] = [usageQueries(id), { operator, user: { url: child.url, token: own } }];
  const plans = await judgePlans(asked, askers, about, say);
  const queries = await measureQueries(asked, askers, settings, say);
  const paging: PagingRow[] = [];
  for (const path of PAGED_LISTS) {
    say(`${path}, page by page`);
    paging.push(await measurePages(operator, path, settings.pages));
  }
  await sleep(SECONDS_UNTIL_COUNTED * 1_000);
  const scans = await readScans(client);
  say('exporting');
  const exported = await measureExport(operator, settings.rows, () => residentBytesOf(child.child.pid!));
  const storage = await readStorage(client);
  const books = await checkBooks(tools, say);
  return { seed, rollup, admission, walBytes, plans, queries, paging, scans, exported, storage, books };
}

async function rollUp(
  server: EngineServer,
  { client, tools }: Subject,
  say: (text: string) => void,
): Promise<UsageReport['rollup']> {
  say('rolling up');
  const memory = watchMemory(server.processId);
  const began = performance.now();
  const rows = await tools.get(UsageRollupService).rebuild(new Date());
  const seconds = secondsSince(began);
  const { backendPeakMebibytes } = memory.stop();
  await client.query('vacuum analyze usage_hourly, usage_totals');
  return { rows, seconds, backendPeakMebibytes };
}

async function checkBooks(tools: NestFastifyApplication, say: (text: string) => void): Promise<UsageReport['books']> {
  const began = performance.now();
  const { checks } = await tools.get(ReconciliationService).run({
    onProgress: ({ name, index, count, result }) => {
      if (result) say(`check ${index} of ${count}, ${name}: ${result.isBroken ? 'BROKEN' : 'holds'}`);
    },
  });
  const broken = checks.filter(({ isBroken }) => isBroken);
  const faults = broken.map(({ name, offenders }) => `${name}: ${JSON.stringify(offenders[0])}`);
  return { checks: checks.length, seconds: secondsSince(began), faults };
}

async function withSubject<Result>(
  server: EngineServer,
  name: string,
  work: (subject: Subject) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: await server.createDatabase(name) });
  await client.connect();
  const tools = await createApp(server.configOf(name));
  await client.query('update plans set requests_per_minute = 1000000, monthly_credits_ucr = 1000000000000');
  const operatorToken = await issueToken(tools, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
  const callerToken = await issueToken(tools, { email: 'caller@example.com', scopes: ['llm.inference'] });
  const child = await startServerProcess(environmentOf(server.urlOf(name)));
  const as = (token: string): Answering => ({ url: child.url, token });
  try {
    return await work({ client, tools, child, caller: as(callerToken), operator: as(operatorToken) });
  } finally {
    await child.end();
    await tools.close();
    await client.end();
  }
}

function environmentOf(databaseUrl: string): Record<string, string> {
  return {
    NODE_ENV: 'test',
    JOBS: 'off',
    PUBLIC_URL: 'http://localhost:3000',
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_SIZE: '10',
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
  };
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1_000;
}
