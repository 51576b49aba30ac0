import { newId } from '../../src/common/ids.js';
import { CatalogueService } from '../../src/models/catalogue.service.js';
import type { CatalogueModel } from '../../src/models/domain/catalogue-model.js';
import { MeteringService } from '../../src/usage/metering.service.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

describe('the routes that show and grant credits', () => {
  let server: TestApp;
  let operator: string;

  beforeAll(async () => {
    server = await startTestApp();
    operator = await issueToken(server.app, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
  });

  afterAll(() => server.close());

  afterEach(async () => {
    const { body } = await call('GET', '/admin/reconciliation', operator);
    expect(body).toMatchObject({ balanced: true });
  });

  async function call(
    method: string,
    path: string,
    token?: string,
    over: { body?: unknown; key?: string } = {},
  ): Promise<Answer> {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
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

  async function person(email: string): Promise<{ id: string; token: string; accessId: string }> {
    const token = await issueToken(server.app, { email, scopes: ['credits.read', 'user.info', 'usage.read'] });
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { grant_id: string };
    return { id: await ensureUser(server.app, { email }), token, accessId: claims.grant_id };
  }

  it('show a new user the free plan and its credits', async () => {
    const { token } = await person('new@example.com');
    const credits = await call('GET', '/v1/me/credits', token);
    expect(credits.status).toBe(200);
    expect(credits.body).toMatchObject({
      available: '100.000000',
      held: '0.000000',
      debt: '0.000000',
      balance: '100.000000',
      grants: [
        { source: 'subscription', total: '100.000000', used: '0.000000', remaining: '100.000000', held: '0.000000' },
      ],
      exhaustionAt: null,
    });
    const subscription = await call('GET', '/v1/me/subscription', token);
    expect(subscription.body).toMatchObject({
      tier: 'free',
      status: 'active',
      plan: { monthlyCredits: '100.000000', requestsPerMinute: 10 },
    });
    expect(subscription.body['currentPeriodEnd']).toBe(credits.body['nextGrantAt']);
  });

  it('need a token, and their own scope', async () => {
    const wrong = await issueToken(server.app, { email: 'scopes@example.com', scopes: ['models.read'] });
    for (const path of [
      '/v1/me/credits',
      '/v1/me/subscription',
      '/v1/me/usage',
      '/v1/usage',
      `/v1/usage/${newId()}`,
      '/admin/reconciliation',
    ]) {
      expect((await call('GET', path)).status).toBe(401);
      expect(await call('GET', path, wrong)).toMatchObject({ status: 403, body: { code: 'insufficient_scope' } });
    }
    const user = await issueToken(server.app, { email: 'scopes@example.com', scopes: ['admin'] });
    expect((await call('GET', '/admin/reconciliation', user)).status).toBe(403);
    expect((await call('POST', '/admin/credits/grants', user, { body: {} })).status).toBe(403);
  });

  it('give the receipt of an own request, and of nobody else’s', async () => {
    const { id, token, accessId } = await person('receipt@example.com');
    const model = server.app.get(CatalogueService).find('sandbox-echo') as CatalogueModel;
    const metering = server.app.get(MeteringService);
    const requestId = newId();
    const hold = { requestId, userId: id };
    await metering.reserve({
      ...hold,
      accessId,
      tier: 'free',
      model,
      amountUcr: 1_000_000n,
      boundTokens: 1_000,
      ttlMs: 60_000,
    });
    await metering.settle({
      ...hold,
      attempts: [
        {
          attemptNo: 1,
          model,
          provider: 'sandbox',
          providerRequestId: 'p-1',
          operation: 'chat',
          usage: {
            inputTokens: 7,
            cachedInputTokens: 2,
            cacheWriteTokens: 0,
            outputTokens: 5,
            reasoningTokens: 1,
            imageCount: 0,
            source: 'provider',
          },
          outcome: 'completed',
          latencyMs: 40,
          firstTokenMs: 9,
          metadata: {
            parameters: { sent: { max_tokens: 5 }, applied: [{ parameter: 'max_tokens', action: 'defaulted' }] },
            holdMs: 3,
          },
        },
      ],
    });
    const receipt = await call('GET', `/v1/usage/${requestId}`, token);
    expect(receipt.body).toMatchObject({
      requestId,
      model: 'sandbox-echo',
      modelVersion: model.versionNo,
      operation: 'chat',
      tokens: { input: 5, cachedInput: 2, cacheWrite: 0, image: 0, output: 5, reasoning: 1, imageCount: 0 },
      rates: { input: '0.001000', output: '0.001000' },
      creditsCharged: '0.012000',
      cost: { currency: 'USD' },
      grants: [{ source: 'subscription', amount: '0.012000' }],
      debt: '0.000000',
      parameters: { sent: { max_tokens: 5 }, applied: [{ parameter: 'max_tokens', action: 'defaulted' }] },
      timings: { holdMs: 3, firstTokenMs: 9, totalMs: 40 },
      outcome: 'completed',
      usageSource: 'provider',
    });
    expect(receipt.body).not.toHaveProperty('attempts');
    const other = await person('other@example.com');
    for (const [path, reader] of [
      [requestId, other.token],
      [newId(), token],
      ['no-uuid', token],
    ]) {
      expect(await call('GET', `/v1/usage/${path}`, reader)).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      });
    }
    const own = {
      requestId,
      createdAt: expect.stringMatching(/Z$/) as string,
      model: 'sandbox-echo',
      operation: 'chat',
      inputTokens: 7,
      outputTokens: 5,
      images: 0,
      creditsCharged: '0.012000',
      outcome: 'completed',
    };
    for (const query of ['', '?model=sandbox-echo&operation=chat&limit=1']) {
      expect((await call('GET', `/v1/usage${query}`, token)).body).toEqual({ data: [own], nextCursor: null });
    }
    for (const [query, reader] of [
      ['', other.token],
      ['?model=gpt-5', token],
    ]) {
      expect((await call('GET', `/v1/usage${query}`, reader)).body).toEqual({ data: [], nextCursor: null });
    }
    const usage = await call('GET', '/v1/me/usage?groupBy=day,model,operation', token);
    expect(usage.body).toMatchObject({
      groupBy: ['day', 'model', 'operation'],
      data: [
        { model: 'sandbox-echo', operation: 'chat', requests: 1, inputTokens: 7, outputTokens: 5, credits: '0.012000' },
      ],
      total: { requests: 1, credits: '0.012000' },
    });
    expect((await call('GET', '/v1/me/credits', token)).body).toMatchObject({ available: '99.988000' });
  });

  it('refuse a usage query that breaks a rule, naming the field', async () => {
    const { token } = await person('query@example.com');
    for (const [query, field] of [
      ['groupBy=colour', 'groupBy'],
      ['from=yesterday', 'from'],
      ['from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z', 'from'],
      ['from=2020-01-01T00:00:00Z&to=2026-05-01T00:00:00Z', 'from'],
      ['page=2', 'page'],
    ]) {
      const answer = await call('GET', `/v1/me/usage?${query}`, token);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field }] } });
    }
    expect((await call('GET', '/v1/me/usage', token)).body).toMatchObject({
      groupBy: ['day'],
      data: [],
      total: { requests: 0 },
    });
  });

  it('grant once per key, and answer a repeat with the same grant', async () => {
    const { id, token } = await person('granted@example.com');
    const body = { userId: id, amount: '12.5', reason: 'welcome', expiresAt: '2099-01-01T00:00:00Z' };
    const first = await call('POST', '/admin/credits/grants', operator, { body, key: 'k-1' });
    expect(first).toMatchObject({
      status: 201,
      body: { source: 'adjustment', total: '12.500000', expiresAt: '2099-01-01T00:00:00.000Z' },
    });
    const parallel = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/admin/credits/grants', operator, { body, key: 'k-1' })),
    );
    for (const repeat of parallel) {
      expect(repeat.body['id']).toBe(first.body['id']);
      expect(repeat.headers.get('idempotent-replayed')).toBe('true');
    }
    const mismatch = await call('POST', '/admin/credits/grants', operator, {
      body: { ...body, amount: '13' },
      key: 'k-1',
    });
    expect(mismatch).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
    const viaBody = await call('POST', '/admin/credits/grants', operator, {
      body: { ...body, amount: '0.000001', idempotencyKey: 'k-2' },
    });
    expect(viaBody.status).toBe(201);
    expect((await call('GET', '/v1/me/credits', token)).body).toMatchObject({ available: '112.500001' });
  });

  it('refuse a grant that breaks a rule, and give nothing', async () => {
    const { id } = await person('refused@example.com');
    const body = { userId: id, amount: '1' };
    for (const [wrong, field] of [
      [{ amount: '0' }, 'amount'],
      [{ amount: '-1' }, 'amount'],
      [{ amount: '0.0000001' }, 'amount'],
      [{ amount: '1000000.000001' }, 'amount'],
      [{ amount: 1 }, 'amount'],
      [{ expiresAt: '2001-01-01T00:00:00Z' }, 'expiresAt'],
      [{ expiresAt: null }, 'expiresAt'],
      [{ userId: 'nobody' }, 'userId'],
      [{ source: 'subscription' }, 'source'],
      [{ colour: 'red' }, 'colour'],
    ] as const) {
      const answer = await call('POST', '/admin/credits/grants', operator, {
        body: { ...body, ...wrong },
        key: newId(),
      });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field }] } });
    }
    expect(await call('POST', '/admin/credits/grants', operator, { body })).toMatchObject({
      body: { code: 'idempotency_key_invalid' },
    });
    const nobody = await call('POST', '/admin/credits/grants', operator, {
      body: { ...body, userId: newId() },
      key: 'x',
    });
    expect(nobody).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
    expect(
      await call('POST', '/admin/credits/grants', operator, { body: { ...body, amount: '1000000' }, key: newId() }),
    ).toMatchObject({ status: 201 });
  });
});
