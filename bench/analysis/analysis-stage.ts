import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { createApp } from '../../src/bootstrap.js';
import { Config } from '../../src/config/config.js';
import { ensureUser, issueToken } from '../../test/support/tokens.js';
import { startMock, type Mock } from '../contenders.js';
import { checkBooks } from '../correctness.js';
import { EngineServer } from '../engine/engine-server.js';

const DATABASE = 'analyses';
const TOKEN_SECONDS = 4 * 3_600;
/** Whom the mock bills. */
const PROVIDER_KEY = 'tollgate';
const LOOK_MS = 200;
const ENDING_MS_MAX = 600_000;

export interface BenchUser {
  id: string;
  token: string;
}

interface Parts {
  server: EngineServer;
  client: pg.Client;
  /** The environment of server and worker processes; `JOBS` is theirs to say. */
  env: Record<string, string>;
  users: readonly BenchUser[];
  operatorToken: string;
  mock: Mock;
  /** The application in this process: makes tokens and reads the books. */
  tools: NestFastifyApplication;
}

/** What every measurement of analyses stands on: a PostgreSQL of its own that waits for the disk, a provider, users without limits. */
export class AnalysisStage {
  readonly server: EngineServer;
  readonly client: pg.Client;
  readonly env: Record<string, string>;
  readonly users: readonly BenchUser[];
  readonly operatorToken: string;

  private constructor(private readonly parts: Parts) {
    ({
      server: this.server,
      client: this.client,
      env: this.env,
      users: this.users,
      operatorToken: this.operatorToken,
    } = parts);
  }

  static async start(userCount: number): Promise<AnalysisStage> {
    const server = await EngineServer.start();
    const mock = await startMock(0);
    const env = {
      NODE_ENV: 'test',
      PUBLIC_URL: 'http://localhost:3000',
      DATABASE_URL: await server.createDatabase(DATABASE),
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      COOKIE_KEYS: 'cookie-key-of-the-bench-0123456789abcdef',
      OPENAI_BASE_URL: mock.baseUrl,
      OPENAI_API_KEY: PROVIDER_KEY,
      ANALYSES_QUEUED_MAX: '1000000',
    };
    const client = new pg.Client({ connectionString: env.DATABASE_URL });
    await client.connect();
    await client.query(
      'update plans set monthly_credits_ucr = 1000000000000, requests_per_minute = 2000000000, concurrent_requests = 1000000',
    );
    const tools = await createApp(Config.load({ ...env, LOG_LEVEL: 'silent', JOBS: 'off' }));
    const users: BenchUser[] = [];
    for (let user = 0; user < userCount; user += 1) {
      const email = `bench-${user}@example.com`;
      const token = await issueToken(tools, { email, scopes: ['llm.inference'], lifetimeSeconds: TOKEN_SECONDS });
      users.push({ token, id: await ensureUser(tools, { email }) });
    }
    const operator = { email: 'operator@example.com', role: 'admin', scopes: ['admin'] } as const;
    const operatorToken = await issueToken(tools, { ...operator, lifetimeSeconds: TOKEN_SECONDS });
    return new AnalysisStage({ server, client, env, users, operatorToken, mock, tools });
  }

  /** What is wrong with the books: the ledger against the provider's bill, holds, and every invariant. */
  faults(): Promise<string[]> {
    return checkBooks(this.parts.tools, () => this.parts.mock.billedTo(PROVIDER_KEY));
  }

  async count(sql: string): Promise<number> {
    const { rows } = await this.client.query<{ count: string }>(`select count(*) as count from ${sql}`);
    return Number(rows[0]!.count);
  }

  /** @throws Error where that takes longer than anything here should */
  async untilAllEnded(): Promise<void> {
    const open = `ai_analyses where status in ('queued', 'processing') or is_hold_open`;
    for (const deadline = Date.now() + ENDING_MS_MAX; (await this.count(open)) > 0; await sleep(LOOK_MS)) {
      if (Date.now() > deadline) throw new Error('analyses did not end');
    }
  }

  async stop(): Promise<void> {
    await this.parts.tools.close();
    await this.client.end();
    await this.parts.mock.stop();
    await this.server.stop();
  }
}
