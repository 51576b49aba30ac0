import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { createApp } from '../src/bootstrap.js';
import { Config } from '../src/config/config.js';
import { EmbeddedServer } from '../src/database/embedded-server.js';
import { migrateAndSeedCatalogue } from '../src/prepare-database.js';
import { startServerProcess } from '../test/support/server-process.js';
import { freePort } from '../test/support/test-app.js';
import { issueToken } from '../test/support/tokens.js';
import { checkBooks } from './correctness.js';
import { familyCpuMs } from './process-stats.js';

const ROOT = join(import.meta.dirname, '..', '..');
/** Enough that no account's lock decides the result; one hot account is a measurement of its own. */
const USER_COUNT = 200;

export interface Contender {
  name: string;
  description: string;
  url: string;
  /** One set for each user; requests take turns. */
  headers: Record<string, string>[];
  /** The process whose CPU and memory are the contender's. */
  pid: number;
  databaseCpuMs?: () => number | undefined;
  /** Compares the contender's books with the provider's. Returns what is wrong. */
  check?: () => Promise<string[]>;
  stop(): Promise<void>;
}

export interface Mock {
  baseUrl: string;
  pid: number;
  billedTo(key: string): Promise<{ requests: number; promptTokens: number; completionTokens: number }>;
  stop(): Promise<void>;
}

export async function startMock(delayMs: number): Promise<Mock> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'mock-provider.js'), String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = `http://127.0.0.1:${await firstLine(child)}`;
  return {
    baseUrl: `${url}/v1`,
    pid: child.pid!,
    billedTo: async (key) => {
      const all = (await (await fetch(`${url}/billed`)).json()) as Record<
        string,
        { requests: number; promptTokens: number; completionTokens: number }
      >;
      return all[`Bearer ${key}`] ?? { requests: 0, promptTokens: 0, completionTokens: 0 };
    },
    stop: () => end(child),
  };
}

/** Straight to the provider: the ceiling. */
export function straight(mock: Mock): Promise<Contender> {
  return Promise.resolve({
    name: 'straight',
    description: 'no gateway, straight to the mock provider',
    url: `${mock.baseUrl}/chat/completions`,
    headers: [{ authorization: 'Bearer straight' }],
    pid: mock.pid,
    stop: () => Promise.resolve(),
  });
}

export async function bareProxy(mock: Mock): Promise<Contender> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bare-proxy.js'), mock.baseUrl], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    name: 'bare proxy',
    description: 'a proxy of thirty lines on undici: the limit of this runtime',
    url: `http://127.0.0.1:${await firstLine(child)}/v1/chat/completions`,
    headers: [{ authorization: 'Bearer proxy' }],
    pid: child.pid!,
    stop: () => end(child),
  };
}

/** A gateway of the same kind that meters nothing. Its HTTP adapter is held at 1.13.8: with a later one it answers every streamed request 500. */
export async function portkey(mock: Mock): Promise<Contender> {
  const peers = join(ROOT, 'bench', 'peers');
  const program = join(peers, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  if (!existsSync(program)) execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: peers, stdio: 'inherit' });
  const port = await freePort();
  const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
    stdio: 'ignore',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const url = `http://127.0.0.1:${port}/v1/chat/completions`;
  await untilListening(port);
  return {
    name: 'portkey',
    description: 'Portkey gateway 1.15.2, which does no metering',
    url,
    headers: [
      { authorization: 'Bearer portkey', 'x-portkey-provider': 'openai', 'x-portkey-custom-host': mock.baseUrl },
    ],
    pid: child.pid!,
    stop: () => end(child),
  };
}

/** This server with everything on: token, guards, durable hold, settlement and ledger row on a PostgreSQL that waits for the disk. */
export async function tollgate(mock: Mock): Promise<Contender> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  const database = await EmbeddedServer.start({ dataDir, isDataDirChosen: true, onMessage: () => undefined });
  const port = await freePort();
  const env = {
    NODE_ENV: 'test',
    LOG_LEVEL: 'error',
    PORT: String(port),
    PUBLIC_URL: `http://localhost:${port}`,
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
    COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
    OPENAI_BASE_URL: mock.baseUrl,
    OPENAI_API_KEY: 'tollgate',
  };
  const config = Config.load(env);
  const tools = await createApp(config);
  await migrateAndSeedCatalogue(config);
  const connection = tools.get<MikroORM>(MikroORM).em.getConnection();
  await connection.execute(
    `update plans set monthly_credits_ucr = 1000000000000, requests_per_minute = 2000000000, concurrent_requests = 1000000`,
  );
  const headers: Record<string, string>[] = [];
  for (let user = 0; user < USER_COUNT; user += 1) {
    const token = await issueToken(tools, { email: `bench-${user}@example.com`, scopes: ['llm.inference'] });
    headers.push({ authorization: `Bearer ${token}` });
  }
  const server = await startServerProcess(env);
  return {
    name: 'tollgate',
    description: 'this server, everything on, durable commits',
    url: `http://127.0.0.1:${port}/v1/chat/completions`,
    headers,
    pid: server.child.pid!,
    databaseCpuMs: () => familyCpuMs(database.processId!),
    check: () => checkBooks(tools, () => mock.billedTo('tollgate')),
    stop: async () => {
      await server.end();
      await tools.close();
      await database.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.once('exit', () => reject(new Error('a process of the benchmark ended before it listened')));
  });
}

function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill();
  return ended;
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing listens on port ${port}`);
}
