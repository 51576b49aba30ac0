import { newId } from '../../src/common/ids.js';
import { CatalogueService } from '../../src/models/catalogue.service.js';
import type { CatalogueModel } from '../../src/models/domain/catalogue-model.js';
import { MeteringService } from '../../src/usage/metering.service.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface Person {
  id: string;
  token: string;
  accessId: string;
}

/** A whole server with an operator, and the shortest ways to its credit routes. */
export class CreditRoutes {
  private constructor(
    readonly server: TestApp,
    readonly operator: string,
    readonly operatorId: string,
    readonly support: string,
  ) {}

  static async open(): Promise<CreditRoutes> {
    const server = await startTestApp();
    const operator = await issueToken(server.app, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
    const support = await issueToken(server.app, { email: 'support@example.com', role: 'support', scopes: ['admin'] });
    const operatorId = await ensureUser(server.app, { email: 'operator@example.com' });
    return new CreditRoutes(server, operator, operatorId, support);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  async call(
    method: string,
    path: string,
    over: { token?: string; body?: unknown; key?: string } = {},
  ): Promise<Answer> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${over.token ?? this.operator}`,
        ...(over.body !== undefined && { 'content-type': 'application/json' }),
        ...(over.key !== undefined && { 'idempotency-key': over.key }),
      },
      ...(over.body !== undefined && { body: JSON.stringify(over.body) }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  }

  get(path: string, token?: string): Promise<Answer> {
    return this.call('GET', path, token === undefined ? {} : { token });
  }

  post(path: string, body: unknown, key: string = newId()): Promise<Answer> {
    return this.call('POST', `/admin/credits/${path}`, { body, key });
  }

  /** A user with the free plan's hundred credits. */
  async person(): Promise<Person> {
    const email = `${newId()}@example.com`;
    const token = await issueToken(this.server.app, { email, scopes: ['credits.read'] });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { grant_id: string };
    const id = await ensureUser(this.server.app, { email });
    await this.get('/v1/me/credits', token);
    return { id, token, accessId: claims.grant_id };
  }

  /** Gives credits; the grant's id. */
  async give(person: Person, amount: string, over: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.post('grants', { userId: person.id, amount, ...over });
    if (answer.status !== 201) throw new Error(`the grant failed: ${JSON.stringify(answer.body)}`);
    return answer.body['id'] as string;
  }

  /** Takes a hold of one credit; its request id. */
  async hold(person: Person): Promise<string> {
    const requestId = newId();
    await this.server.app.get(MeteringService).reserve({
      requestId,
      userId: person.id,
      accessId: person.accessId,
      tier: 'free',
      model: this.model,
      amountUcr: 1_000_000n,
      boundTokens: 1_000,
      ttlMs: 60_000,
    });
    return requestId;
  }

  /** A request of 12 tokens, which costs 0.012 credits; its id. */
  async spend(person: Person): Promise<string> {
    const requestId = await this.hold(person);
    await this.settle(person, requestId);
    return requestId;
  }

  /** The end of a request of 12 tokens. */
  async settle(person: Person, requestId: string): Promise<void> {
    await this.server.app.get(MeteringService).settle({
      requestId,
      userId: person.id,
      attempts: [
        {
          attemptNo: 1,
          model: this.model,
          provider: 'sandbox',
          providerRequestId: null,
          operation: 'chat',
          usage: {
            inputTokens: 7,
            cachedInputTokens: 0,
            cacheWriteTokens: 0,
            outputTokens: 5,
            reasoningTokens: 0,
            imageCount: 0,
            source: 'provider',
          },
          outcome: 'completed',
          latencyMs: 1,
          firstTokenMs: null,
          metadata: {},
        },
      ],
    });
  }

  /** What the audit trail has of an account or a hold, oldest first. */
  async audited(entityId: string): Promise<Record<string, unknown>[]> {
    const sql = 'select * from audit_trail where entity_id = ? order by created_at, id';
    return this.server.orm.em.fork().execute<Record<string, unknown>[]>(sql, [entityId]);
  }

  private get model(): CatalogueModel {
    return this.server.app.get(CatalogueService).find('sandbox-echo') as CatalogueModel;
  }
}

/** All pages of a list, and how many there were. */
export async function walk(
  routes: CreditRoutes,
  path: string,
  over: { token?: string; limit: number },
): Promise<{ rows: Record<string, unknown>[]; pages: number }> {
  const rows: Record<string, unknown>[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const separator = path.includes('?') ? '&' : '?';
    const answer = await routes.get(
      `${path}${separator}limit=${over.limit}${cursor === null ? '' : `&cursor=${cursor}`}`,
      over.token,
    );
    rows.push(...(answer.body['data'] as Record<string, unknown>[]));
    cursor = answer.body['nextCursor'] as string | null;
    pages += 1;
  } while (cursor !== null);
  return { rows, pages };
}
