import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Clock } from '../../src/common/clock.js';
import type { Tier } from '../../src/common/domain/tiers.js';
import { CircuitBreakers } from '../../src/inference/resilience/circuit-breakers.service.js';
import { TokenCounter } from '../../src/inference/token-counter.service.js';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { ReconciliationService } from '../../src/usage/reconciliation.service.js';
import { TEST_SECRETS } from '../support/test-config.js';
import { startTestApp, type TestApp, type TestAppOptions } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';
import { until } from '../support/until.js';

/** Longer than any count takes on a busy machine. */
const PATIENT_MS = 30_000;

export const HELLO = { model: 'sandbox-echo', messages: [{ role: 'user', content: 'Hello' }] };

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface ErrorBody {
  message: string;
  type: string;
  code: string;
  param: string | null;
  details: Record<string, unknown>;
}

export interface LedgerRow {
  credits_ucr: string;
  usage_source: string;
  outcome: string;
  operation: string;
  provider: string;
  input_tokens: number;
  output_tokens: number;
  image_count: number;
  image_tokens: number;
}

/** A user with a token of one's own, so that no test meets another's limits or balance. */
export class Caller {
  constructor(
    readonly userId: string,
    readonly token: string,
    private readonly server: TestApp,
  ) {}

  get url(): string {
    return this.server.url;
  }

  get openai(): OpenAI {
    return new OpenAI({ baseURL: `${this.server.url}/v1`, apiKey: this.token });
  }

  /** A client with an API key of this user's own. */
  async anthropic(options: ClientOptions = {}): Promise<Anthropic> {
    const apiKey = await this.makeKey();
    return new Anthropic({ baseURL: this.server.url, apiKey, authToken: null, ...options });
  }

  async makeKey(): Promise<string> {
    const made = await this.post('/v1/me/api-keys', { name: 'test', scopes: ['llm.inference'] });
    expect(made.status).toBe(201);
    return made.body['key'] as string;
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.write('POST', path, body, headers);
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.write('PUT', path, body);
  }

  patch(path: string, body: unknown): Promise<Answer> {
    return this.write('PATCH', path, body);
  }

  private write(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, {
      method,
      body: typeof body === 'string' || body instanceof Buffer ? (body as string) : JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  }

  chat(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post('/v1/chat/completions', body, headers);
  }

  get(path: string): Promise<Answer> {
    return this.send(path, {});
  }

  cancel(path: string): Promise<Answer> {
    return this.send(path, { method: 'DELETE' });
  }

  /** The error of a refused chat, after making sure that the refusal left nothing behind. */
  async refusedChat(
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; error: ErrorBody }> {
    const answer = await this.chat(body, headers);
    expect(answer.headers.get('content-type')).toContain('application/json');
    await this.expectUntouched();
    return { status: answer.status, error: answer.body['error'] as ErrorBody };
  }

  async expectUntouched(): Promise<void> {
    expect(await this.openHolds()).toBe(0);
    expect(await this.ledger()).toEqual([]);
  }

  /** What the caller owes, as a correction of the books would leave it; zero makes them right again. */
  async owe(debtUcr: number): Promise<void> {
    await this.query(`update credit_accounts set debt_ucr = ${debtUcr} where user_id = ?`);
  }

  ledger(): Promise<LedgerRow[]> {
    return this.query<LedgerRow>('select * from token_usage_ledger where user_id = ? order by created_at, id');
  }

  async openHolds(): Promise<number> {
    // One statement: between two, a hold may end.
    const [account] = await this.query<{ pending_count: number; open: number }>(
      `select pending_count, (select count(*)::int from credit_holds h where h.user_id = a.user_id and h.state = 'pending') as open
         from credit_accounts a where user_id = ?`,
    );
    if (!account) return 0;
    expect(account.pending_count).toBe(account.open);
    return account.open;
  }

  /** Waits for what goes on after the client has left. */
  async settled(): Promise<LedgerRow[]> {
    await until(async () => (await this.ledger()).length > 0 && (await this.openHolds()) === 0);
    return this.ledger();
  }

  query<Row>(sql: string): Promise<Row[]> {
    return this.server.orm.em.getConnection().execute<Row[]>(sql, [this.userId]);
  }

  private async send(path: string, options: RequestInit): Promise<Answer> {
    const response = await fetch(`${this.server.url}${path}`, {
      ...options,
      headers: { authorization: `Bearer ${this.token}`, ...(options.headers as Record<string, string>) },
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as Record<string, unknown>) : { text },
    };
  }
}

/** A whole server, and callers for it. */
export class ChatBench {
  private callers = 0;

  private constructor(readonly server: TestApp) {}

  static async start(options: TestAppOptions = {}): Promise<ChatBench> {
    return new ChatBench(await startTestApp(options));
  }

  /** For specs that have a provider fail again and again: its circuit would open, and say so in place of the failure. */
  keepCircuitsClosed(): void {
    const circuits = this.server.app.get(CircuitBreakers);
    circuits.settings = { ...circuits.settings, failuresMax: Infinity };
  }

  /** For specs that look at what was counted: on a busy machine its time would be over before, and bytes would stand in for tokens. */
  countPatiently(): void {
    const counter = this.server.app.get(TokenCounter);
    const measure = counter.measure.bind(counter);
    counter.measure = (groups) => measure(groups, PATIENT_MS);
  }

  async caller(tier: Tier = 'free'): Promise<Caller> {
    this.callers += 1;
    const email = `caller-${this.callers}@example.com`;
    const { app } = this.server;
    const userId = await ensureUser(app, { email });
    await app.get(SubscriptionService).ensureSubscription(userId, app.get(Clock).now());
    if (tier !== 'free')
      await app
        .get(SubscriptionService)
        .startPlan(userId, tier, { actorId: null, reason: 'test', isTrial: false }, app.get(Clock).now());
    const token = await issueToken(app, {
      email,
      scopes: ['llm.inference', 'models.read', 'credits.read', 'usage.read', 'user.info'],
    });
    return new Caller(userId, token, this.server);
  }

  /** A user who was never here: no subscription, no account. */
  async stranger(): Promise<Caller> {
    this.callers += 1;
    const email = `caller-${this.callers}@example.com`;
    const userId = await ensureUser(this.server.app, { email });
    const token = await issueToken(this.server.app, { email, scopes: ['llm.inference', 'credits.read'] });
    return new Caller(userId, token, this.server);
  }

  /** What another process needs to work on the same database. */
  get processEnvironment(): Record<string, string> {
    return { DATABASE_URL: this.server.database.url, PUBLIC_URL: this.server.url, ...TEST_SECRETS };
  }

  /** That every invariant of the books holds. */
  async expectBalanced(): Promise<void> {
    const { checks } = await this.server.app.get(ReconciliationService).run();
    expect(checks.filter(({ isBroken }) => isBroken)).toEqual([]);
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
