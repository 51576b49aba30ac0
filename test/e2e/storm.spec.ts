import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { createApp } from '../../src/bootstrap.js';
import { formatCredits } from '../../src/common/domain/micro-credits.js';
import { newId } from '../../src/common/ids.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { freePort } from '../support/test-app.js';
import { testConfig } from '../support/test-config.js';
import { createTestDatabase, type TestDatabase } from '../support/test-server.js';
import { ensureUser, issueToken } from '../support/tokens.js';

const PARALLEL_REQUESTS = 200;
const PROMPT = 'The quick brown fox jumps over the lazy dog.';

interface Answer {
  status: number;
  requestId: string;
  chargedUcr: bigint;
  body: { error?: { code: string } };
}

/** Two server processes on one database, on a plan whose rate limits are out of the way. */
class Fleet {
  private constructor(
    private readonly database: TestDatabase,
    readonly servers: ServerProcess[],
    private readonly env: Record<string, string>,
    /** The application without a listener: makes tokens and reconciles as the command line does. */
    private readonly tools: NestFastifyApplication,
  ) {}

  static async start(): Promise<Fleet> {
    const database = await createTestDatabase();
    const port = await freePort();
    const env = {
      DATABASE_URL: database.url,
      PUBLIC_URL: `http://localhost:${port}`,
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      COOKIE_KEYS: 'cookie-key-of-the-tests-0123456789abcdef',
    };
    const tools = await createApp(testConfig(env));
    const fleet = new Fleet(database, [], env, tools);
    await fleet.query(
      `update plans set monthly_credits_ucr = 1, requests_per_minute = 1000000, concurrent_requests = 100000 where tier = 'free'`,
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

const countBy = (answers: Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe('two servers on one database', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start();
  });
  afterAll(() => fleet.end());

  async function priceOf(model: string): Promise<bigint> {
    const { token } = await fleet.user(1_000_000_000n);
    const answer = await fleet.chat(0, token, model);
    expect(answer.status).toBe(200);
    expect(answer.chargedUcr).toBeGreaterThan(0n);
    return answer.chargedUcr;
  }

  async function chargedTo(userId: string): Promise<bigint> {
    const [row] = await fleet.query<{ sum: string }>(
      'select coalesce(sum(credits_ucr), 0)::text as sum from token_usage_ledger where user_id = $1',
      [userId],
    );
    return BigInt(row!.sum);
  }

  it('answer exactly ten of two hundred parallel requests when the balance is for ten', async () => {
    const price = await priceOf('sandbox-exact');
    const { id, token } = await fleet.user(price * 10n);
    const answers = await fleet.storm(token, 'sandbox-exact');

    expect(countBy(answers)).toEqual({ 200: 10, 402: 190 });
    expect(
      answers.filter(({ status }) => status === 402).every(({ body }) => body.error?.code === 'insufficient_credits'),
    ).toBe(true);
    expect(await chargedTo(id)).toBe(price * 10n);
    expect(await fleet.brokenInvariants()).toEqual([]);
  });

  it('never charge more than the balance when requests cost less than their hold', async () => {
    const balance = 2n * (await priceOf('sandbox-exact'));
    const { id, token } = await fleet.user(balance);
    const answers = await fleet.storm(token, 'sandbox-echo');

    const counts = countBy(answers);
    if (counts[500]) console.log(fleet.servers.map((s) => s.output().slice(-3000)).join('\n=====\n'));
    expect(Object.keys(counts).toSorted()).toEqual(['200', '402']);
    const charged = answers.reduce((sum, answer) => sum + (answer.status === 200 ? answer.chargedUcr : 0n), 0n);
    expect(charged).toBeGreaterThan(0n);
    expect(charged).toBeLessThanOrEqual(balance);
    expect(await chargedTo(id)).toBe(charged);
    expect(await fleet.brokenInvariants()).toEqual([]);
  });

  it('charge every answered request, also when a server is killed under load', async () => {
    const { id, token } = await fleet.user(1_000_000_000n);
    const answered: Answer[] = [];
    let isOver = false;
    const callers = Array.from({ length: 16 }, async (_, caller) => {
      while (!isOver) {
        try {
          const answer = await fleet.chat(caller % 2, token, 'sandbox-echo');
          if (answer.status === 200) answered.push(answer);
        } catch {
          await sleep(20); // the connection went with the server: this request was not answered
        }
      }
    });
    await sleep(600);
    await fleet.servers[1]!.kill();
    await sleep(300);
    await fleet.restart(1);
    await sleep(600);
    isOver = true;
    await Promise.all(callers);

    expect(answered.length).toBeGreaterThan(50);
    const ledger = await fleet.query<{ hold_id: string; credits_ucr: string }>(
      'select hold_id, credits_ucr from token_usage_ledger where user_id = $1',
      [id],
    );
    const charges = new Map(ledger.map((row) => [row.hold_id, BigInt(row.credits_ucr)]));
    expect(charges.size).toBe(ledger.length);
    expect(answered.filter((answer) => charges.get(answer.requestId) !== answer.chargedUcr)).toEqual([]);
    expect(await fleet.brokenInvariants()).toEqual([]);
  });
});
