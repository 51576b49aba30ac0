import { setTimeout as sleep } from 'node:timers/promises';
import { SubscriptionService } from '../../src/subscription/subscription.service.js';
import { createTestDatabase } from '../support/test-server.js';
import { until } from '../support/until.js';
import { type Answer, countBy, Fleet } from './fleet.js';

/** How long a process may go by figures of a plan that have changed. */
const PLAN_TTL_MS = 5_200;

describe('two servers on one database', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start(await createTestDatabase());
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

  it('keep exact books when a period ends in the middle of a storm', async () => {
    const { id, token } = await fleet.user(1n);
    const price = await priceOf('sandbox-exact');
    const allowance = price * 120n;
    await fleet.query(
      `update plans set monthly_credits_ucr = $1, rollover_percent = 50, rollover_max_ucr = $1, rollover_min_carry_ucr = 1 where tier = 'pro'`,
      [allowance],
    );
    const subscriptions = fleet.tools.get(SubscriptionService);
    // A plan that this process has read before the change would still have the old figures.
    await sleep(PLAN_TTL_MS);
    await subscriptions.startPlan(id, 'pro', { actorId: null, reason: 'a test', isTrial: false }, new Date());

    const before = fleet.storm(token, 'sandbox-exact');
    await sleep(150);
    const [, after] = await Promise.all([fleet.advance('P1M'), fleet.storm(token, 'sandbox-exact')]);
    const answers = [...(await before), ...after];

    expect(Object.keys(countBy(answers)).toSorted()).toEqual(['200', '402']);
    const charged = answers.reduce((sum, { status, chargedUcr }) => sum + (status === 200 ? chargedUcr : 0n), 0n);
    expect(await chargedTo(id)).toBe(charged);
    // What the first period left is carried or lost, once; what both allowances gave is spent, lost or there, to the last micro-credit.
    const closes = await fleet.query<{ period_index: number; carried: string; forfeited: string }>(
      `select c.period_index, c.carried_ucr as carried, c.forfeited_ucr as forfeited from period_closes c
       join subscriptions s on s.id = c.subscription_id and s.tier = 'pro' where c.user_id = $1`,
      [id],
    );
    expect(closes.map(({ period_index: index }) => index)).toEqual([0]);
    const [left] = await fleet.query<{ balance: string; held: string }>(
      'select balance_ucr as balance, held_ucr as held from credit_accounts where user_id = $1',
      [id],
    );
    expect(left!.held).toBe('0');
    expect(BigInt(left!.balance)).toBe(2n * allowance + 1n - charged - BigInt(closes[0]!.forfeited));
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
    const untilMoreAreAnswered = (seen = answered.length) => until(() => answered.length >= seen + 50);
    await untilMoreAreAnswered();
    await fleet.servers[1]!.kill();
    await untilMoreAreAnswered();
    await fleet.restart(1);
    await untilMoreAreAnswered();
    isOver = true;
    await Promise.all(callers);

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
