import { newId } from '../../src/common/ids.js';
import { issueToken } from '../support/tokens.js';
import { type Answer, CreditRoutes, type Person } from './credit-routes.js';

describe('grants of operators', () => {
  let routes: CreditRoutes;
  let colleague: string;

  beforeAll(async () => {
    routes = await CreditRoutes.open();
    colleague = await issueToken(routes.server.app, {
      email: 'colleague@example.com',
      role: 'admin',
      scopes: ['admin'],
    });
  });
  afterAll(() => routes.close());

  const sql = (text: string, parameters: unknown[] = []) => routes.server.orm.em.fork().execute(text, parameters);
  /** What the job does once keys are a day old. */
  const forgetKeys = () => sql('delete from idempotency_keys');
  const grant = (
    person: Person,
    over: { token?: string; key: string; amount?: string; paymentId?: string },
  ): Promise<Answer> =>
    routes.call('POST', '/admin/credits/grants', {
      key: over.key,
      ...(over.token !== undefined && { token: over.token }),
      body: {
        userId: person.id,
        amount: over.amount ?? '5',
        ...(over.paymentId !== undefined && { source: 'purchase', paymentId: over.paymentId }),
      },
    });
  /** Begun a month ago, its period over since yesterday, and so many credits owed. */
  const monthAgo = async ({ id }: { id: string }, debt: bigint): Promise<void> => {
    await sql(
      `update subscriptions set billing_anchor_at = billing_anchor_at - interval '32 days', current_period_start = current_period_start - interval '32 days',
         current_period_end = billing_anchor_at - interval '1 day' where user_id = ?`,
      [id],
    );
    await sql(`update credit_accounts set next_due_at = now() - interval '1 day', debt_ucr = ? where user_id = ?`, [
      debt * 1_000_000n,
      id,
    ]);
  };
  const isReplay = ({ status, headers }: Answer) => {
    expect(status).toBe(201);
    return headers.get('idempotent-replayed') === 'true';
  };
  async function available({ token }: Person): Promise<unknown> {
    return (await routes.get('/v1/me/credits', token)).body['available'];
  }

  it('are each operator’s own, whatever key a colleague used', async () => {
    const person = await routes.person();
    expect(isReplay(await grant(person, { key: 'welcome' }))).toBe(false);
    expect(isReplay(await grant(person, { key: 'welcome', token: colleague }))).toBe(false);
    expect(isReplay(await grant(person, { key: 'welcome', token: colleague }))).toBe(true);
    expect(await available(person)).toBe('110.000000');
  });

  it('are in the audit trail of the account also where the request names it in capitals', async () => {
    const person = await routes.person();
    const body = { userId: person.id.toUpperCase(), amount: '5' };
    expect(await routes.post('grants', body)).toMatchObject({ status: 201 });
    expect(await routes.audited(person.id)).toMatchObject([{ action: 'credits.grant' }]);
  });

  it('are given once per key for ever', async () => {
    const person = await routes.person();
    await grant(person, { key: 'once' });
    await forgetKeys();
    expect(isReplay(await grant(person, { key: 'once' }))).toBe(true);
    expect((await grant(person, { key: 'once', amount: '6' })).body['code']).toBe('idempotency_mismatch');
    expect(await available(person)).toBe('105.000000');
  });

  /** Once refused for its end: the operator could not tell that the first had given, and gave again. */
  it('answer a repeat also when the grant is over by then, and refuse a new one that would be', async () => {
    const person = await routes.person();
    const body = { userId: person.id, amount: '5', expiresAt: new Date(Date.now() + 60_000).toISOString() };
    const [first, purchase] = [newId(), newId()];
    const bought = { ...body, source: 'purchase', paymentId: purchase };
    for (const [one, key] of [
      [body, first],
      [bought, purchase],
    ] as const)
      expect(isReplay(await routes.post('grants', one, key))).toBe(false);
    routes.server.clock.advance(120_000);
    expect(isReplay(await routes.post('grants', body, first))).toBe(true);
    expect(isReplay(await routes.post('grants', bought, newId()))).toBe(true);
    await forgetKeys();
    expect(isReplay(await routes.post('grants', body, first))).toBe(true);
    expect(await routes.post('grants', body, newId())).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'expiresAt', message: 'must be in the future' }] },
    });
    expect(await available(person)).toBe('100.000000');
    expect((await routes.get('/admin/reconciliation')).body).toMatchObject({ balanced: true });
  });

  it('know the keys of before they held their operator', async () => {
    const person = await routes.person();
    const { body } = await grant(person, { key: 'older' });
    await sql(`update credits set grant_key = 'admin:older' where id = ?`, [body['id']]);
    await forgetKeys();
    expect(isReplay(await grant(person, { key: 'older' }))).toBe(true);
    expect(isReplay(await grant(person, { key: 'older', token: colleague }))).toBe(false);
    expect(await available(person)).toBe('110.000000');
  });

  it('are known by what they gave, also after a correction', async () => {
    const person = await routes.person();
    const { body } = await grant(person, { key: newId(), paymentId: 'pay_corrected' });
    const correction = { userId: person.id, grantId: body['id'], amount: '1', reason: 'a bonus' };
    expect((await routes.post('adjustments', correction)).status).toBe(201);
    expect(isReplay(await grant(person, { key: newId(), paymentId: 'pay_corrected' }))).toBe(true);
    const other = await grant(person, { key: newId(), paymentId: 'pay_corrected', amount: '6' });
    expect(other.body['code']).toBe('idempotency_mismatch');
    expect(await available(person)).toBe('106.000000');
  });

  it('close a period that is due first, so that debt of before it is repaid by the next allowance', async () => {
    const person = await routes.person();
    await monthAgo(person, 3n);
    const { body } = await grant(person, { key: newId(), paymentId: newId() });
    expect(body).toMatchObject({ source: 'purchase', used: '0.000000', remaining: '5.000000' });
    expect((await routes.get('/v1/me/credits', person.token)).body['debt']).toBe('0.000000');
  });

  it('leave the books of who was deleted as they are', async () => {
    const person = await routes.person();
    await monthAgo(person, 0n);
    await sql('update users set deleted_at = now() where id = ?', [person.id]);
    expect((await grant(person, { key: newId() })).status).toBe(404);
    const closes = await sql('select count(*)::int as count from period_closes where user_id = ?', [person.id]);
    const subscriptions = await sql('select period_index from subscriptions where user_id = ?', [person.id]);
    expect([closes, subscriptions]).toEqual([[{ count: 0 }], [{ period_index: 0 }]]);
  });
});
