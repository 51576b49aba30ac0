import { newId } from '../../src/common/ids.js';
import { CreditRoutes, type Answer } from './credit-routes.js';

interface Line {
  id: string;
  kind: string;
  amount: string;
}

const REPLAYED = 'idempotent-replayed';

describe('the routes that correct credits', () => {
  let routes: CreditRoutes;

  beforeAll(async () => {
    routes = await CreditRoutes.open();
  });

  afterAll(() => routes.close());

  afterEach(async () => {
    expect((await routes.get('/admin/reconciliation')).body).toMatchObject({ balanced: true });
  });

  const linesOf = (answer: Answer): Line[] => answer.body['postings'] as Line[];

  it('adjust a grant and answer what was written', async () => {
    const person = await routes.person();
    const grantId = await routes.give(person, '10');
    const answer = await routes.post('adjustments', { userId: person.id, grantId, amount: '-2.5', reason: 'a typo' });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        postings: [
          {
            kind: 'adjustment',
            amount: '-2.500000',
            grantId,
            grantSource: 'adjustment',
            requestId: null,
            reason: 'a typo',
            reverses: null,
          },
        ],
        debtRepaid: '0.000000',
        debt: '0.000000',
      },
    });
    expect((await routes.get('/v1/me/credits', person.token)).body).toMatchObject({ available: '107.500000' });
    const tooMuch = await routes.post('adjustments', { userId: person.id, grantId, amount: '-7.6', reason: 'r' });
    expect(tooMuch).toMatchObject({
      status: 422,
      body: { code: 'credits_not_free', free: '7.500000', errors: [{ field: 'amount' }] },
    });
  });

  it('reverse a posting once, and refund a request whole', async () => {
    const person = await routes.person();
    const requestId = await routes.spend(person);
    const refund = await routes.post('refunds', { userId: person.id, requestId, reason: 'it was bad' });
    expect(refund).toMatchObject({
      status: 201,
      body: { postings: [{ kind: 'refund', amount: '0.012000', requestId }] },
    });
    const again = await routes.post('refunds', { userId: person.id, requestId, reason: 'it was bad' });
    expect(again).toMatchObject({ status: 409, body: { code: 'posting_reversed' } });
    const grantId = await routes.give(person, '1');
    const { body } = await routes.get(`/admin/credits/accounts/${person.id}/history?kind=grant&limit=1`);
    const [given] = body['data'] as Line[];
    const path = `postings/${given?.id}/reversal`;
    const reversal = await routes.post(path, { userId: person.id, reason: 'by mistake' });
    expect(reversal).toMatchObject({
      status: 201,
      body: { postings: [{ kind: 'adjustment', amount: '-1.000000', grantId, reverses: given?.id }] },
    });
    expect(await routes.post(path, { userId: person.id, reason: 'r' })).toMatchObject({
      status: 409,
      body: { code: 'posting_reversed' },
    });
    const own = linesOf(reversal)[0]?.id;
    expect(await routes.post(`postings/${own}/reversal`, { userId: person.id, reason: 'r' })).toMatchObject({
      status: 422,
      body: { code: 'posting_not_reversible' },
    });
  });

  describe('once per key', () => {
    /** Fails when the key is claimed outside the transaction, or not at all. */
    it('act once and answer every repeat the same, however many come at the same time', async () => {
      const person = await routes.person();
      const grantId = await routes.give(person, '10');
      const body = { userId: person.id, grantId, amount: '1', reason: 'thanks' };
      const key = newId();
      const answers = await Promise.all(Array.from({ length: 10 }, () => routes.post('adjustments', body, key)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      expect(answers.filter(({ headers }) => headers.get(REPLAYED) === 'true')).toHaveLength(9);
      for (const answer of answers) expect(answer.body).toEqual(answers[0]?.body);
      expect(await routes.audited(person.id)).toMatchObject([
        { action: 'credits.grant' },
        {
          action: 'credits.adjust',
          actor_id: routes.operatorId,
          reason: 'thanks',
          ip: expect.any(String),
          after: answers[0]?.body,
        },
      ]);
      const inBody = await routes.call('POST', '/admin/credits/adjustments', {
        body: { ...body, idempotencyKey: key },
      });
      expect(inBody.headers.get(REPLAYED)).toBe('true');
      expect((await routes.get('/v1/me/credits', person.token)).body).toMatchObject({ available: '111.000000' });
    });

    it('refuse the key with other parameters, another user’s too', async () => {
      const [person, other] = [await routes.person(), await routes.person()];
      const grantId = await routes.give(person, '10');
      const body = { userId: person.id, grantId, amount: '1', reason: 'thanks' };
      const key = newId();
      await routes.post('adjustments', body, key);
      for (const change of [{ amount: '2' }, { reason: 'other' }, { userId: other.id }, { grantId: newId() }]) {
        expect(await routes.post('adjustments', { ...body, ...change }, key)).toMatchObject({
          status: 422,
          body: { code: 'idempotency_mismatch' },
        });
      }
      expect((await routes.post('adjustments', { ...body, amount: '1.00' }, key)).headers.get(REPLAYED)).toBe('true');
      const granting = newId();
      await routes.post('grants', { userId: person.id, amount: '1' }, granting);
      expect(await routes.post('grants', { userId: other.id, amount: '1' }, granting)).toMatchObject({
        body: { code: 'idempotency_mismatch' },
      });
    });

    it('give the key back after a refusal', async () => {
      const person = await routes.person();
      const grantId = await routes.give(person, '10');
      const key = newId();
      const body = { userId: person.id, grantId, amount: '-11', reason: 'r' };
      expect((await routes.post('adjustments', body, key)).status).toBe(422);
      expect((await routes.post('adjustments', { ...body, amount: '-10' }, key)).status).toBe(201);
    });

    it('replay reversals and refunds, and tell the postings of one path from those of another', async () => {
      const person = await routes.person();
      const requestId = await routes.spend(person);
      const body = { userId: person.id, requestId, reason: 'r' };
      const key = newId();
      const first = await routes.post('refunds', body, key);
      expect(await routes.post('refunds', body, key)).toMatchObject({ status: 201, body: first.body });
      const { body: history } = await routes.get(`/admin/credits/accounts/${person.id}/history?kind=grant`);
      const [grant] = history['data'] as Line[];
      const sent = { userId: person.id, reason: 'r' };
      expect((await routes.post(`postings/${newId()}/reversal`, sent, key)).status).toBe(404);
      expect((await routes.post(`postings/${grant?.id}/reversal`, sent, key)).status).toBe(201);
      expect((await routes.post(`postings/${newId()}/reversal`, sent, key)).body).toMatchObject({
        code: 'idempotency_mismatch',
      });
    });

    it('give once per payment for ever, whatever the key and whoever’s account', async () => {
      const [person, other] = [await routes.person(), await routes.person()];
      const paymentId = `pay_${newId()}`;
      const body = { userId: person.id, amount: '50', source: 'purchase', paymentId };
      const parallel = await Promise.all([
        ...Array.from({ length: 5 }, () => routes.post('grants', body)),
        ...Array.from({ length: 5 }, () => routes.post('grants', { ...body, userId: other.id })),
      ]);
      expect(parallel.filter(({ status, headers }) => status === 201 && headers.get(REPLAYED) === null)).toHaveLength(
        1,
      );
      expect(parallel.filter(({ status }) => status === 422)).toHaveLength(5);
      const owner = parallel[0]?.status === 201 ? person : other;
      const repeat = await routes.post('grants', { ...body, userId: owner.id, reason: 'again' });
      expect(repeat.headers.get(REPLAYED)).toBe('true');
      expect(await routes.post('grants', { ...body, userId: owner.id, amount: '51' })).toMatchObject({
        status: 422,
        body: { code: 'idempotency_mismatch', detail: expect.stringContaining(paymentId) },
      });
      const { body: page } = await routes.get(`/admin/credits/grants?source=purchase&userId=${owner.id}`);
      expect(page['data']).toMatchObject([{ grantKey: `purchase:${paymentId}`, total: '50.000000' }]);
    });

    /** Once answered as before until the job had deleted the key, which is an hour later, or never where no jobs run. */
    it('act again with a key of a day ago, whether or not it has been deleted', async () => {
      const person = await routes.person();
      const grantId = await routes.give(person, '10');
      const body = { userId: person.id, grantId, amount: '1', reason: 'thanks' };
      const key = newId();
      const first = await routes.post('adjustments', body, key);
      routes.server.clock.advance(23 * 3_600_000);
      expect((await routes.post('adjustments', body, key)).body).toEqual(first.body);
      routes.server.clock.advance(3_600_000);
      const again = await routes.post('adjustments', { ...body, amount: '2' }, key);
      expect(again).toMatchObject({ status: 201, body: { postings: [{ amount: '2.000000' }] } });
      expect((await routes.post('adjustments', { ...body, amount: '2' }, key)).body).toEqual(again.body);
      expect(await routes.post('adjustments', body, key)).toMatchObject({ status: 422 });
    });
  });

  it('refuse what breaks a rule, naming the field', async () => {
    const person = await routes.person();
    const grantId = await routes.give(person, '10');
    const correction = { userId: person.id, reason: 'r' };
    const adjustment = { ...correction, grantId, amount: '1' };
    const cases: [path: string, body: Record<string, unknown>, field: string][] = [
      ...[
        '0',
        '-0.000000',
        '1.0000001',
        '1000000.000001',
        '-1000000.000001',
        '12345678',
        '1e3',
        'NaN',
        '',
        '+1',
        ' 1',
        '0x1',
        '١',
      ].map((amount): [string, Record<string, unknown>, string] => [
        'adjustments',
        { ...adjustment, amount },
        'amount',
      ]),
      ['adjustments', { ...adjustment, amount: 1 }, 'amount'],
      ['adjustments', { ...adjustment, amount: undefined }, 'amount'],
      ['adjustments', { ...adjustment, grantId: 'x' }, 'grantId'],
      ['adjustments', { ...adjustment, colour: 'red' }, 'colour'],
      ['refunds', { ...correction, requestId: 'x' }, 'requestId'],
      ['refunds', correction, 'requestId'],
    ];
    for (const path of ['adjustments', 'refunds', `postings/${newId()}/reversal`, `holds/${newId()}/expire`]) {
      const fitting = { adjustments: adjustment, refunds: { ...correction, requestId: newId() } }[path] ?? correction;
      cases.push(
        [path, { ...fitting, userId: 'nobody' }, 'userId'],
        [path, { ...fitting, reason: undefined }, 'reason'],
        [path, { ...fitting, reason: ' \n' }, 'reason'],
        [path, { ...fitting, reason: 'x'.repeat(501) }, 'reason'],
        [path, { ...fitting, reason: 7 }, 'reason'],
        [path, { ...fitting, reason: 'a\0b' }, 'reason'],
      );
    }
    for (const [path, body, field] of cases) {
      const answer = await routes.post(path, body);
      expect({ path, body, answer: answer.body }).toMatchObject({
        answer: { code: 'invalid_request', errors: [{ field }] },
      });
    }
    for (const [over, field] of [
      [{ paymentId: 'p' }, 'paymentId'],
      [{ paymentId: 'with space', source: 'purchase' }, 'paymentId'],
      [{ expiresAt: '2001-01-01T00:00:00Z' }, 'expiresAt'],
      [{ expiresAt: 'tomorrow' }, 'expiresAt'],
      [{ amount: '-1' }, 'amount'],
      [{ reason: 'x'.repeat(501) }, 'reason'],
    ] as const) {
      const answer = await routes.post('grants', { userId: person.id, amount: '1', ...over });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field }] } });
    }
    expect(await routes.post('adjustments', { ...adjustment, amount: '1000000' })).toMatchObject({ status: 201 });
  });

  it('refuse a missing or malformed key', async () => {
    const person = await routes.person();
    const body = { userId: person.id, grantId: newId(), amount: '1', reason: 'r' };
    for (const over of [{ body }, { body, key: 'x'.repeat(256) }, { body: { ...body, idempotencyKey: 'ä' } }]) {
      expect(await routes.call('POST', '/admin/credits/adjustments', over)).toMatchObject({
        status: 400,
        body: { code: 'idempotency_key_invalid' },
      });
    }
  });

  it('refuse users, grants, postings and requests that are not there, or are another’s', async () => {
    const [person, other] = [await routes.person(), await routes.person()];
    const foreign = await routes.give(other, '10');
    const requestId = await routes.spend(other);
    const by = { userId: person.id, reason: 'r' };
    for (const [path, body] of [
      ['adjustments', { ...by, grantId: newId(), amount: '1' }],
      ['adjustments', { ...by, grantId: foreign, amount: '1' }],
      ['refunds', { ...by, requestId: newId() }],
      ['refunds', { ...by, requestId }],
      [`postings/${newId()}/reversal`, by],
      ['postings/no-uuid/reversal', by],
    ] as const) {
      expect(await routes.post(path, body)).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect(await routes.post(path.replace('no-uuid', newId()), { ...body, userId: newId() })).toMatchObject({
        status: 404,
        body: { code: 'user_not_found' },
      });
    }
  });

  it('let support read and only admins write', async () => {
    const person = await routes.person();
    for (const path of [
      'adjustments',
      'refunds',
      'grants',
      `postings/${newId()}/reversal`,
      `holds/${newId()}/expire`,
    ]) {
      const answer = await routes.call('POST', `/admin/credits/${path}`, {
        body: {},
        key: newId(),
        token: routes.support,
      });
      expect(answer).toMatchObject({ status: 403, body: { code: 'insufficient_role' } });
    }
    for (const path of ['grants', 'holds', `accounts/${person.id}`, `accounts/${person.id}/history`]) {
      expect((await routes.get(`/admin/credits/${path}`, routes.support)).status).toBe(200);
      expect((await routes.get(`/admin/credits/${path}`, person.token)).status).toBe(403);
    }
  });
});
