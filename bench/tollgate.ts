import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../src/bootstrap.js';
import { Config } from '../src/config/config.js';
import { EmbeddedServer } from '../src/database/embedded-server.js';
import { migrateAndSeedCatalogue } from '../src/prepare-database.js';
import { type ServerProcess, startServerProcess } from '../test/support/server-process.js';
import { freePort } from '../test/support/test-app.js';
import { issueToken } from '../test/support/tokens.js';
import { type Contender, end, firstLine, type Mock } from './contenders.js';
import { checkBooks } from './correctness.js';
import { LAYERS } from './layers.js';
import { familyCpuMs } from './process-stats.js';

/** As many as the comparison with one hot user asks for. */
const USER_COUNT = 1_000;
const TOKEN_SECONDS = 4 * 3_600;
const CHAT_PATH = '/v1/chat/completions';

interface Parts {
  mock: Mock;
  database: EmbeddedServer;
  dataDir: string;
  /** The application in this process: makes users and tokens, and reads the books. */
  tools: NestFastifyApplication;
  env: Record<string, string>;
  /** Of each user. */
  headers: Record<string, string>[];
}

/**
 * This server, as often as it is asked for, on one PostgreSQL that waits for the disk: token, guards, durable hold, settlement and ledger row.
 * Whatever its processes charge ends in one ledger, which is compared with the provider's bill.
 */
export class Tollgate {
  private constructor(private readonly parts: Parts) {}

  static async start(mock: Mock): Promise<Tollgate> {
    const dataDir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
    const database = await EmbeddedServer.start({ dataDir, isDataDirChosen: true, onMessage: () => undefined });
    const env = {
      NODE_ENV: 'test',
      LOG_LEVEL: 'error',
      PUBLIC_URL: 'http://localhost:3000',
      DATABASE_URL: database.url,
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
      OPENAI_BASE_URL: mock.baseUrl,
      OPENAI_API_KEY: 'tollgate',
    };
    const config = Config.load(env);
    const tools = await createApp(config);
    const orm = tools.get<MikroORM>(MikroORM);
    await migrateAndSeedCatalogue(config);
    await orm.em
      .getConnection()
      .execute(
        `update plans set monthly_credits_ucr = 1000000000000, requests_per_minute = 2000000000, concurrent_requests = 1000000`,
      );
    const headers: Record<string, string>[] = [];
    for (let user = 0; user < USER_COUNT; user += 1) {
      const token = await issueToken(tools, {
        email: `bench-${user}@example.com`,
        scopes: ['llm.inference'],
        lifetimeSeconds: TOKEN_SECONDS,
      });
      headers.push({ authorization: `Bearer ${token}` });
    }
    return new Tollgate({ mock, database, dataDir, tools, env, headers });
  }

  /** The server as it is run, in that many processes that share the load. */
  async contender(name: string, processes: number): Promise<Contender> {
    const started: ServerProcess[] = [];
    for (let count = 0; count < processes; count += 1) started.push(await startServerProcess(this.parts.env));
    return {
      ...this.common(name),
      description: `this server in ${processes} processes, everything on, durable commits`,
      urls: started.map(({ url }) => `${url.replace('localhost', '127.0.0.1')}${CHAT_PATH}`),
      pids: started.map(({ child }) => child.pid!),
      stop: async () => {
        for (const server of started) await server.end();
      },
    };
  }

  /** A process of this server that does no more than a layer and those below it. */
  async layer(name: string): Promise<Contender> {
    const port = await freePort();
    const child = spawn(process.execPath, [join(import.meta.dirname, 'layer-server.js'), this.parts.mock.baseUrl], {
      env: { PATH: process.env['PATH'] ?? '', ...this.parts.env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await firstLine(child);
    return {
      ...this.common(name),
      description: `this server as far as ${name}`,
      urls: [`http://127.0.0.1:${port}${LAYERS[name]!}`],
      pids: [child.pid!],
      stop: () => end(child),
    };
  }

  /** What is wrong with the books. */
  check(): Promise<string[]> {
    return checkBooks(this.parts.tools, () => this.parts.mock.billedTo('tollgate'));
  }

  async stop(): Promise<void> {
    await this.parts.tools.close();
    await this.parts.database.stop();
    rmSync(this.parts.dataDir, { recursive: true, force: true });
  }

  private common(name: string): Pick<Contender, 'name' | 'headers' | 'databaseCpuMs' | 'isOwn'> {
    return {
      name,
      headers: this.parts.headers,
      databaseCpuMs: () => familyCpuMs(this.parts.database.processId!),
      isOwn: true,
    };
  }
}
