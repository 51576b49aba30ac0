import { AdminConsole } from './models/admin-console.js';
import { ensureUser, issueToken } from './support/tokens.js';

const REASON = { reason: 'For a test' };

/** Removed once: `IsOptional` in the place of `IfSent`, with which each of these was a 500. */
describe('a field that may be left out', () => {
  let admin: AdminConsole;
  let budget: string;
  let endpoint: string;
  beforeAll(async () => {
    admin = await AdminConsole.start();
    const limit = { scope: 'tier', scopeKey: 'pro', period: 'month', limitCredits: '10' };
    budget = `/admin/budgets/${String((await admin.post('/admin/budgets', { ...REASON, ...limit })).body['id'])}`;
    const url = 'https://hooks.example.com/tollgate';
    const made = await admin.post('/admin/webhook-endpoints', { ...REASON, url });
    endpoint = `/admin/webhook-endpoints/${String(made.body['id'])}`;
  });
  afterAll(() => admin.close());

  it.each(['limitCredits', 'limitUsd', 'thresholds', 'alertEmails', 'isHardStop', 'isActive'])(
    'is refused as null by its name: %s of a budget',
    async (field) => {
      expect(await admin.edit('PATCH', budget, { ...REASON, [field]: null })).toMatchObject({
        status: 400,
        body: { errors: [{ field }] },
      });
    },
  );

  it.each(['events', 'isActive'])('is refused as null by its name: %s of an endpoint', async (field) => {
    expect(await admin.edit('PATCH', endpoint, { ...REASON, [field]: null })).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    });
  });

  // Seen failing: null was no days of grace, so that the plan ended at once.
  it('is refused as null by its name: the days of grace of a plan', async () => {
    const userId = await ensureUser(admin.server.app, { email: 'grace@example.com' });
    const plan = { userId, tier: 'pro', ...REASON };
    const { id } = (await admin.post('/admin/subscriptions', plan)).body;
    expect(
      await admin.edit('POST', `/admin/subscriptions/${String(id)}/past-due`, { ...REASON, days: null }),
    ).toMatchObject({ status: 400, body: { errors: [{ field: 'days' }] } });
  });

  it('is refused as null by its name: the source of a grant, the priority of an analysis', async () => {
    const who = { email: 'null@example.com' };
    const grant = { userId: await ensureUser(admin.server.app, who), amount: '1', ...REASON, source: null };
    expect(await admin.send('POST', '/admin/credits/grants', grant, { 'idempotency-key': 'null' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'source' }] },
    });
    const token = await issueToken(admin.server.app, { ...who, scopes: ['llm.inference'] });
    const answer = await fetch(`${admin.url}/v1/analyses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': 'null' },
      body: JSON.stringify({ subject: 'entry', kind: 'sentiment', text: 'A good day', priority: null }),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ errors: [{ field: 'priority' }] });
  });

  /** Once taken for the payment "null", of which the whole service had one: whoever bought next was refused, or given nothing. */
  it.each(['paymentId', 'idempotencyKey'])('is refused as null by its name: %s of a purchase', async (field) => {
    const userId = await ensureUser(admin.server.app, { email: 'null@example.com' });
    const purchase = { userId, amount: '1', source: 'purchase', ...REASON, [field]: null };
    const headers = field === 'paymentId' ? { 'idempotency-key': 'null payment' } : {};
    expect(await admin.send('POST', '/admin/credits/grants', purchase, headers)).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    });
  });

  it('is refused as null by its name: the key of a correction', async () => {
    const userId = await ensureUser(admin.server.app, { email: 'null@example.com' });
    const refund = { userId, requestId: userId, ...REASON, idempotencyKey: null };
    expect(await admin.send('POST', '/admin/credits/refunds', refund)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'idempotencyKey' }] },
    });
  });
});
