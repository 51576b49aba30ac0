import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { createApp } from '../../src/bootstrap.js';
import { formatCredits } from '../../src/common/domain/micro-credits.js';
import { newId } from '../../src/common/ids.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { freePort } from '../support/test-app.js';
import { TEST_SECRETS, testConfig } from '../support/test-config.js';
import type { TestDatabase } from '../support/test-server.js';
import { ensureUser, issueToken } from '../support/tokens.js';

const PARALLEL_REQUESTS = 200;
const PROMPT = 'The quick brown fox jumps over the lazy dog.';

export interface Answer {
  status: number;
  requestId: string;
  chargedUcr: bigint;
  body: { error?: { code: string } };
}

/** Two server processes on one database, on a plan whose rate limits are out of the way. */
export class Fleet {
  private constructor(
    private readonly database: TestDatabase,
    readonly servers: ServerProcess[],
    readonly env: Record<string, string>,
    /** The application without a listener: makes tokens and reconciles as the command line does. */
    readonly tools: NestFastifyApplication,
  ) {}

  static async start(database: TestDatabase, over: Record<string, string> = {}): Promise<Fleet> {
    const port = await freePort();
    const env = {
      DATABASE_URL: database.url,
      PUBLIC_URL: `http://localhost:${port}`,
      ...TEST_SECRETS,
      ...over,
    };
    const tools = await createApp(testConfig(env));
    const fleet = new Fleet(database, [], env, tools);
    await fleet.query(
      `update plans set requests_per_minute = 1000000, concurrent_requests = 100000;
       update plans set monthly_credits_ucr = 1 where tier = 'free'`,
    );
    fleet.servers.push(
      ...(await Promise.all([startServerProcess({ ...env, PORT: String(port) }), startServerProcess(env)])),
    );
    return fleet;
  }

  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.database.url });
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** A verified user with a token, whom an operator has given `creditsUcr`. */
  async user(creditsUcr: bigint): Promise<{ id: string; token: string }> {
    const email = `${newId()}@example.com`;
    const token = await issueToken(this.tools, { email, scopes: ['llm.inference', 'credits.read'] });
    const id = await ensureUser(this.tools, { email });
    const operator = await issueToken(this.tools, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
    const response = await fetch(`${this.servers[0]!.url}/admin/credits/grants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json', 'idempotency-key': id },
      body: JSON.stringify({ userId: id, amount: formatCredits(creditsUcr) }),
    });
    if (response.status !== 201) throw new Error(await response.text());
    return { id, token };
  }

  /** Moves the test clock of all servers, and lets every job run at the new time. */
  async advance(duration: string): Promise<void> {
    const operator = await issueToken(this.tools, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
    const response = await fetch(`${this.servers[0]!.url}/admin/clock`, {
      method: 'POST',
      headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
      body: JSON.stringify({ advance: duration }),
    });
    if (response.status !== 200) throw new Error(await response.text());
  }

  async chat(server: number, token: string, model: string): Promise<Answer> {
    const response = await fetch(`${this.servers[server]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: 'user', content: PROMPT }] }),
    });
    const body = (await response.json()) as Answer['body'];
    const charged = response.headers.get('x-credits-charged') ?? '0';
    return {
      status: response.status,
      requestId: response.headers.get('x-request-id')!,
      chargedUcr: BigInt(charged.replace('.', '')),
      body,
    };
  }

  /** Many chats at the same moment, spread over the servers. */
  storm(token: string, model: string): Promise<Answer[]> {
    return Promise.all(Array.from({ length: PARALLEL_REQUESTS }, (_, index) => this.chat(index % 2, token, model)));
  }

  async restart(server: number): Promise<void> {
    const port = new URL(this.servers[server]!.url).port;
    this.servers[server] = await startServerProcess({ ...this.env, PORT: port });
  }

  async brokenInvariants(): Promise<string[]> {
    const { checks } = await this.tools.get(ReconciliationService).run();
    expect(checks.length).toBeGreaterThan(10);
    return checks.filter((check) => check.isBroken).map((check) => `${check.name}: ${JSON.stringify(check.offenders)}`);
  }

  async end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end()));
    await this.tools.close();
    await this.database.drop();
  }
}

export function countBy(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
