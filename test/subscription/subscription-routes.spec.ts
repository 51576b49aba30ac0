import { formatCredits, UCR_PER_CREDIT } from '../../src/common/domain/micro-credits.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { ensureUser, issueToken } from '../support/tokens.js';

interface Answer {
  status: number;
  etag: string | null;
  body: Record<string, unknown> & { errors: { field: string }[]; data: unknown[]; nextCursor: string | null };
}

const credits = (amount: bigint): string => formatCredits(amount * UCR_PER_CREDIT);

describe('the routes of plans and subscriptions', () => {
  let server: TestApp;
  let operator: string;
  let people = 0;

  beforeAll(async () => {
    server = await startTestApp();
    operator = await issueToken(server.app, { email: 'operator@example.com', role: 'admin', scopes: ['admin'] });
  });

  afterAll(() => server.close());

  afterEach(async () => {
    expect((await call('GET', '/admin/reconciliation', { token: operator })).body).toMatchObject({ balanced: true });
  });

  async function call(
    method: string,
    path: string,
    over: { token?: string; body?: unknown; ifMatch?: string } = {},
  ): Promise<Answer> {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        ...(over.token && { authorization: `Bearer ${over.token}` }),
        ...(over.body !== undefined && { 'content-type': 'application/json' }),
        ...(over.ifMatch !== undefined && { 'if-match': over.ifMatch }),
      },
      ...(over.body !== undefined && { body: JSON.stringify(over.body) }),
    });
    const text = await response.text();
    return { status: response.status, etag: response.headers.get('etag'), body: text ? JSON.parse(text) : {} };
  }

  async function person(): Promise<{ userId: string; token: string }> {
    const email = `person-${(people += 1)}@example.com`;
    const token = await issueToken(server.app, { email, scopes: ['credits.read', 'user.info'] });
    return { userId: await ensureUser(server.app, { email }), token };
  }

  /** A person whom an operator has put on plan pro. */
  async function subscriber(): Promise<{ userId: string; token: string; id: string; etag: string }> {
    const one = await person();
    const body = { userId: one.userId, tier: 'pro', reason: 'paid by invoice' };
    const started = await call('POST', '/admin/subscriptions', { token: operator, body });
    expect(started.status).toBe(201);
    return { ...one, id: String(started.body['id']), etag: String(started.etag) };
  }

  it('let a user look before a change, cancel, and take that back', async () => {
    const { token } = await subscriber();
    const preview = await call('POST', '/v1/me/subscription/preview', { token, body: { tier: 'free' } });
    expect(preview).toMatchObject({
      status: 200,
      body: {
        fromTier: 'pro',
        toTier: 'free',
        credits: '0.000000',
        carried: '0.000000',
        forfeited: credits(2_000n),
        nextAllowance: credits(100n),
      },
    });
    expect((await call('POST', '/v1/me/subscription/cancel', { token })).body).toMatchObject({
      cancelAtPeriodEnd: true,
    });
    expect(await call('POST', '/v1/me/subscription/cancel', { token })).toMatchObject({
      status: 409,
      body: { code: 'subscription_state', detail: expect.stringContaining('ends with the current period already') },
    });
    expect((await call('POST', '/v1/me/subscription/resume', { token })).body).toMatchObject({
      cancelAtPeriodEnd: false,
    });
    expect((await call('GET', '/v1/me/subscription', { token })).body).toMatchObject({
      tier: 'pro',
      nextTier: null,
      trialEndsAt: null,
    });
  });

  it('name the plan that follows: the free one after a cancellation, whatever was scheduled', async () => {
    const { token, id, etag } = await subscriber();
    const next = async () => (await call('GET', '/v1/me/subscription', { token })).body.nextTier;
    const later = { tier: 'enterprise', when: 'period_end', reason: 'from next month on' };
    const changed = await call('POST', `/admin/subscriptions/${id}/change-tier`, {
      token: operator,
      body: later,
      ifMatch: etag,
    });
    expect(changed).toMatchObject({ status: 200, body: { nextTier: 'enterprise' } });
    expect(await next()).toBe('enterprise');
    await call('POST', '/v1/me/subscription/cancel', { token });
    expect(await next()).toBe('free');
    const read = await call('GET', `/admin/subscriptions/${id}`, { token: operator });
    expect(read.body).toMatchObject({ cancelAtPeriodEnd: true, nextTier: 'free' });
    await call('POST', '/v1/me/subscription/resume', { token });
    expect(await next()).toBe('enterprise');
  });

  it('tell a user of the free plan that there is nothing to cancel', async () => {
    const { token } = await person();
    expect(await call('POST', '/v1/me/subscription/cancel', { token })).toMatchObject({
      status: 409,
      body: { code: 'subscription_state' },
    });
  });

  it('let an operator change a subscription from the state that was read, with a reason, and list what happened', async () => {
    const { userId, token, id, etag } = await subscriber();
    const change = { token: operator, body: { tier: 'pro_max', reason: 'upgrade by phone' } };
    expect(await call('POST', `/admin/subscriptions/${id}/change-tier`, change)).toMatchObject({
      status: 428,
      body: { code: 'if_match_required' },
    });
    const changed = await call('POST', `/admin/subscriptions/${id}/change-tier`, { ...change, ifMatch: etag });
    expect(changed).toMatchObject({ status: 200, body: { tier: 'pro_max', version: 2 } });
    const stale = { token: operator, body: { reason: 'abuse' }, ifMatch: etag };
    expect(await call('POST', `/admin/subscriptions/${id}/suspend`, stale)).toMatchObject({
      status: 412,
      body: { code: 'stale_etag' },
    });
    const suspended = await call('POST', `/admin/subscriptions/${id}/suspend`, {
      ...stale,
      ifMatch: String(changed.etag),
    });
    expect(suspended.body).toMatchObject({ status: 'suspended' });
    await call('POST', `/admin/subscriptions/${id}/reinstate`, { ...stale, ifMatch: String(suspended.etag) });
    const balance = await call('GET', '/v1/me/credits', { token });
    expect(Number(balance.body['available'])).toBeGreaterThan(9_900);

    const events = await call('GET', `/admin/subscriptions/${id}/events?limit=2`, { token: operator });
    expect(events.body.data).toMatchObject([
      { reason: 'paid by invoice' },
      { reason: 'upgrade by phone', fromTier: 'pro', toTier: 'pro_max' },
    ]);
    const rest = await call('GET', `/admin/subscriptions/${id}/events?cursor=${String(events.body.nextCursor)}`, {
      token: operator,
    });
    expect(rest.body).toMatchObject({ data: [{ toStatus: 'suspended' }, { toStatus: 'active' }], nextCursor: null });
    const trail = await call('GET', `/admin/audit-trail?order=oldest&entity=subscription&entityId=${id}`, {
      token: operator,
    });
    const actorId = await ensureUser(server.app, { email: 'operator@example.com' });
    expect(trail.body.data).toMatchObject([
      { action: 'subscription.start', before: null, after: { tier: 'pro' }, reason: 'paid by invoice' },
      { action: 'subscription.change_tier', before: { tier: 'pro' }, after: { tier: 'pro_max' }, actorId },
      { action: 'subscription.suspend', before: { status: 'active' }, after: { status: 'suspended' }, reason: 'abuse' },
      { action: 'subscription.reinstate', before: { status: 'suspended' }, after: { status: 'active' } },
    ]);
    const listed = await call('GET', `/admin/subscriptions?userId=${userId}&status=active`, { token: operator });
    expect(listed.body.data).toMatchObject([{ id, tier: 'pro_max' }]);
  });

  it('refuse what is no such thing, by field', async () => {
    const nobody = '0197a0a0-0000-7000-8000-000000000000';
    const unknown = await call('POST', '/admin/subscriptions', {
      token: operator,
      body: { userId: nobody, tier: 'pro', reason: 'x' },
    });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
    expect(await call('GET', `/admin/subscriptions/${nobody}`, { token: operator })).toMatchObject({
      status: 404,
      body: { code: 'subscription_not_found' },
    });
    // Seen failing: the operator was told, as 403, to verify an address of their own.
    const invited = await ensureUser(server.app, { email: 'invited@example.com', isVerified: false });
    const early = await call('POST', '/admin/subscriptions', {
      token: operator,
      body: { userId: invited, tier: 'pro', reason: 'x' },
    });
    expect(early).toMatchObject({ status: 409, body: { code: 'address_not_confirmed', userId: invited } });
    const { userId, id, etag } = await subscriber();
    const faulty = await call('POST', '/admin/subscriptions', {
      token: operator,
      body: { userId: 'me', tier: 'gold', trial: 'yes' },
    });
    expect(faulty.body.errors.map((error) => error.field).sort()).toEqual(['reason', 'tier', 'trial', 'userId']);
    const trial = await call('POST', '/admin/subscriptions', {
      token: operator,
      body: { userId, tier: 'enterprise', trial: true, reason: 'x' },
    });
    expect(trial).toMatchObject({ status: 400, body: { errors: [{ field: 'trial' }] } });
    const extend = { token: operator, ifMatch: etag, body: { until: '2999-01-01T00:00:00Z', reason: 'x' } };
    expect(await call('POST', `/admin/subscriptions/${id}/extend`, extend)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'until' }] },
    });
    const { token } = await person();
    expect((await call('GET', '/admin/subscriptions', { token })).status).toBe(403);
    expect((await call('GET', '/admin/plans')).status).toBe(401);
  });

  // Seen failing: a plan without days of grace was lost at once, with its credits, and no payment brought it back.
  it('end no plan for a payment that failed unless the operator says so', async () => {
    const { id, etag } = await subscriber();
    const pastDue = (body: object) =>
      call('POST', `/admin/subscriptions/${id}/past-due`, { token: operator, ifMatch: etag, body });
    expect(await pastDue({ reason: 'card declined' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'days' }] },
    });
    const read = await call('GET', `/admin/subscriptions/${id}`, { token: operator });
    expect(read).toMatchObject({ etag, body: { status: 'active', graceEndsAt: null } });
    expect(await pastDue({ reason: 'card declined', days: 0 })).toMatchObject({
      status: 200,
      body: { status: 'expired' },
    });
  });

  it('show an operator what a rollover would do, and do it', async () => {
    const { userId } = await subscriber();
    await server.orm.em.fork().execute(
      `update subscriptions set billing_anchor_at = billing_anchor_at - interval '40 days', current_period_start = (billing_anchor_at at time zone 'UTC' - interval '40 days') at time zone 'UTC',
         current_period_end = ((billing_anchor_at - interval '40 days') at time zone 'UTC' + interval '1 month') at time zone 'UTC' where user_id = ?`,
      [userId],
    );
    await server.orm.em
      .fork()
      .execute(
        'update credit_accounts a set next_due_at = s.current_period_end from subscriptions s where s.user_id = a.user_id and a.user_id = ? and s.status = ?',
        [userId, 'active'],
      );
    const path = `/admin/credits/rollover?userId=${userId}`;
    const shown = await call('POST', `${path}&dryRun=true`, { token: operator });
    expect(shown).toMatchObject({
      status: 200,
      body: {
        dryRun: true,
        closed: 1,
        carried: credits(1_000n),
        forfeited: credits(1_000n),
        granted: credits(2_000n),
        data: [{ userId, periodIndex: 0 }],
      },
    });
    const body = { reason: 'closed by hand' };
    const done = await call('POST', path, { token: operator, body });
    expect(done.body).toMatchObject({ dryRun: false, closed: 1, carried: credits(1_000n), forfeited: credits(1_000n) });
    const noted = await server.orm.em
      .fork()
      .execute<{ reason: string }[]>(
        `select reason from audit_trail where action = 'job.run' and after->>'userId' = ?`,
        [userId],
      );
    expect(noted).toEqual([body]);
    expect((await call('POST', `/admin/credits/rollover?dryRun=maybe`, { token: operator })).status).toBe(400);
    expect((await call('POST', '/admin/credits/rollover', { token: operator })).body).toMatchObject({ failed: 0 });
  });

  it('let an operator change a plan, and keep who did, why, and what it was before', async () => {
    const read = await call('GET', '/admin/plans/pro', { token: operator });
    expect(read.body).toMatchObject({ tier: 'pro', monthlyCredits: credits(2_000n), rolloverPercent: 50 });
    const body = { requestsPerMinute: 61, tokensPerDay: 5_000_000, graceDays: 5, reason: 'more room' };
    expect((await call('PATCH', '/admin/plans/pro', { token: operator, body })).status).toBe(428);
    const changed = await call('PATCH', '/admin/plans/pro', { token: operator, body, ifMatch: String(read.etag) });
    expect(changed).toMatchObject({
      status: 200,
      body: { requestsPerMinute: 61, tokensPerDay: 5_000_000, graceDays: 5 },
    });
    expect(
      (await call('PATCH', '/admin/plans/pro', { token: operator, body, ifMatch: String(read.etag) })).status,
    ).toBe(412);
    const lifted = await call('PATCH', '/admin/plans/pro', {
      token: operator,
      body: { tokensPerDay: null, reason: 'none' },
      ifMatch: String(changed.etag),
    });
    expect(lifted.body).toMatchObject({ tokensPerDay: null, requestsPerMinute: 61 });
    const { token } = await subscriber();
    expect((await call('GET', '/v1/me/subscription', { token })).body['plan']).toMatchObject({
      requestsPerMinute: 61,
      tokensPerDay: null,
    });
    const lines = await server.orm.em.fork().execute(
      `select action, entity_id, reason, before ->> 'requestsPerMinute' as before, after ->> 'requestsPerMinute' as after
         from audit_trail where action like 'plan.%' order by created_at`,
    );
    expect(lines).toEqual([
      { action: 'plan.update', entity_id: 'pro', reason: 'more room', before: '60', after: '61' },
      { action: 'plan.update', entity_id: 'pro', reason: 'none', before: '61', after: '61' },
    ]);
  });

  it('refuse a rollover that could never carry anything, and figures beyond their limits', async () => {
    const read = await call('GET', '/admin/plans/free', { token: operator });
    const patch = (body: object): Promise<Answer> =>
      call('PATCH', '/admin/plans/free', {
        token: operator,
        body: { reason: 'x', ...body },
        ifMatch: String(read.etag),
      });
    expect((await patch({ rolloverMax: '10' })).body.errors).toMatchObject([{ field: 'rolloverMax' }]);
    expect((await patch({ rolloverPercent: 50 })).body.errors).toMatchObject([{ field: 'rolloverMax' }]);
    expect((await patch({ rolloverPercent: 50, rolloverMax: '10', rolloverMinCarry: '11' })).body.errors).toMatchObject(
      [{ field: 'rolloverMinCarry' }],
    );
    expect((await patch({ monthlyCredits: '1000000.000001' })).body.errors).toMatchObject([
      { field: 'monthlyCredits' },
    ]);
    const faulty = await patch({
      rolloverPercent: 101,
      monthlyCredits: '-1',
      rolloverMax: '1.0000001',
      concurrentRequests: 0,
      requestsPerDay: 1.5,
      graceDays: 91,
    });
    expect(faulty.body.errors.map((error) => error.field).sort()).toEqual([
      'concurrentRequests',
      'graceDays',
      'monthlyCredits',
      'requestsPerDay',
      'rolloverMax',
      'rolloverPercent',
    ]);
    expect((await call('GET', '/admin/plans/gold', { token: operator })).body.errors).toMatchObject([
      { field: 'tier' },
    ]);
    expect((await call('GET', '/admin/plans/free', { token: operator })).etag).toBe(read.etag);
    expect((await call('GET', '/admin/plans', { token: operator })).body.data).toHaveLength(4);
  });
});
