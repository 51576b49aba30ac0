import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { ReserveAnswer } from '../../src/usage/hold-batches.service.js';
import { NOW } from '../credits/money-database.js';
import { moneyServices } from '../credits/money-services.js';
import { BatchBench, order, outcomeOf, settlement } from './batch-bench.js';

const UNKNOWN_USER = '0197c000-0000-7000-8000-0000000000ff';

describe('batches of holds', () => {
  let bench: BatchBench;

  beforeAll(async () => {
    bench = await BatchBench.open();
  });

  afterAll(() => bench.close());

  afterEach(async () => {
    expect(await bench.money.offenders()).toEqual([]);
  });

  it('never let a big request that is refused refuse a small one behind it', async () => {
    const user = await bench.money.userWith(10n);
    const { batches } = bench.one;
    const sent = await bench.whileBusy({ batches, user }, () =>
      [11n, 4n, 7n, 6n, 1n].map((amount) => batches.reserve(order(user, amount))),
    );
    const answers = await Promise.all(sent);
    expect(new Set(answers.map(({ at }) => at.getTime())).size).toBe(1);
    expect(answers.map(outcomeOf)).toEqual(['insufficient', 'held', 'insufficient', 'held', 'insufficient']);
  });

  /**
   * Nothing is given back meanwhile, so the balance only falls: what was held must read as one falling line, on which the requests of one
   * process stand as they came, and whatever was refused must be dearer than what was left where it stands. Fails when a batch takes its
   * members from the end.
   */
  it('of two processes equal one request after the other, each process in the order in which they came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 })), { minLength: 40, maxLength: 120 }),
        async (requests) => {
          const user = await bench.money.userWith(150n, 250n);
          const arrived: { isOne: boolean; amount: bigint; answer: Promise<ReserveAnswer> }[] = [];
          for (const [index, [isOne, units]] of requests.entries()) {
            if (index % 7 === 0) await sleep(index % 3);
            const amount = BigInt(units);
            arrived.push({
              isOne,
              amount,
              answer: (isOne ? bench.one : bench.other).batches.reserve(order(user, amount)),
            });
          }
          const seen = await Promise.all(
            arrived.map(async ({ answer, ...asked }) => ({ ...asked, ...(await answer).result })),
          );
          for (const process of [true, false]) {
            const line = seen.filter(({ isOne }) => isOne === process).map(({ availableUcr }) => availableUcr);
            expect(line).toEqual(line.toSorted((a, b) => Number(b - a)));
          }
          const held = seen.filter(({ outcome }) => outcome === 'held');
          let left = 400n;
          for (const { amount, availableUcr } of held.toSorted((a, b) => Number(b.availableUcr - a.availableUcr))) {
            left -= amount;
            expect(availableUcr).toBe(left);
          }
          const line = new Set([400n, ...held.map(({ availableUcr }) => availableUcr)]);
          for (const { outcome, amount, availableUcr } of seen) {
            if (outcome === 'held') continue;
            expect(outcome).toBe('insufficient');
            expect(line).toContain(availableUcr);
            expect(amount).toBeGreaterThan(availableUcr);
          }
        },
      ),
      { numRuns: 8 },
    );
  });

  /** Fails when members of a lane overtake each other, in a batch or in two. */
  it('never reorder one user’s members', async () => {
    const users = await Promise.all(Array.from({ length: 3 }, () => bench.money.userWith(1_000n)));
    const left = new Map<string, bigint>(users.map(({ id }) => [id, 1_000n]));
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const user = users[(index * index) % 3]!;
        const amount = BigInt((index % 5) + 1);
        if (index % 50 === 0) await sleep(1);
        const answer = bench.one.batches.reserve(order(user, amount));
        const expected = left.get(user.id)! - amount;
        left.set(user.id, expected);
        expect((await answer).result).toMatchObject({ outcome: 'held', availableUcr: expected });
      }),
    );
  });

  /** Fails when the queue has no limit, or when one place less is left. */
  it('let 1 024 wait beside what is in flight, refuse the next, and answer all who waited', async () => {
    const [busy, ...others] = await Promise.all(Array.from({ length: 6 }, () => bench.money.userWith(10_000n)));
    const { batches } = bench.one;
    const answers = await bench.whileBusy({ batches, user: busy! }, () =>
      [busy!, ...others].flatMap((user) => Array.from({ length: 256 }, () => batches.reserve(order(user, 1n)))),
    );
    const settled = await Promise.allSettled(answers);
    // One batch of the others finds its way past the account that is busy.
    expect(settled.findIndex(({ status }) => status === 'rejected')).toBe(1_024 + 256);
    expect((settled[1_024 + 256] as PromiseRejectedResult).reason).toMatchObject({
      code: 'overloaded',
      status: 503,
      headers: { 'retry-after': '1' },
    });
    expect(await bench.money.account(busy!)).toMatchObject({ held: 256n, pending: 257 });
  });

  /** Fails when the share of one user is not looked at. */
  it('let one user fill a quarter of the places, and others come in', async () => {
    const [heavy, light] = [await bench.money.userWith(10_000n), await bench.money.userWith(10n)];
    const { batches } = bench.one;
    const answers = await bench.whileBusy({ batches, user: heavy }, () => [
      ...Array.from({ length: 1_100 }, () => batches.reserve(order(heavy, 1n))),
      batches.reserve(order(light, 1n)),
    ]);
    const settled = await Promise.allSettled(answers);
    expect(settled.findIndex(({ status }) => status === 'rejected')).toBe(256);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(257);
    expect(settled.at(-1)).toMatchObject({ value: { result: { outcome: 'held' } } });
  });

  /** Fails when the queue of settlements has the limit of that of reservations. */
  it('never refuse to end a hold, and take no new ones while many wait to be ended', async () => {
    const { batches } = moneyServices(bench.money.orm, NOW, { BATCH_QUEUE_MAX: '2', BATCH_MEMBERS_MAX: '3' });
    const user = await bench.money.userWith(100n);
    const held = Array.from({ length: 8 }, () => order(user, 2n));
    for (const asked of held) await batches.reserve(asked);
    let refused: Promise<unknown> = Promise.resolve();
    const ends = await bench.whileBusy({ batches, user }, () => {
      const settling = held.map((asked) => batches.settle(settlement(asked, 1n)));
      refused = batches.reserve(order(user, 1n)).then(outcomeOf, (error: { code: string }) => error.code);
      return settling;
    });
    expect(await refused).toBe('overloaded');
    expect((await Promise.all(ends)).map(({ outcome }) => outcome)).toEqual(held.map(() => 'done'));
    expect(await bench.money.account(user)).toMatchObject({ balance: 92n, held: 0n });
  });

  it('carry idempotency keys: one request gets the key, another with it waits, one with another body is refused', async () => {
    const user = await bench.money.userWith(100n);
    const claim = (requestHash: string) => ({
      idempotency: { route: '/v1/chat/completions', key: 'same', requestHash: Buffer.from(requestHash) },
    });
    const orders = [claim('a'), claim('a'), claim('b'), {}].map((over) => order(user, 1n, over));
    const answers = await Promise.all(orders.map((asked) => bench.one.batches.reserve(asked)));
    expect(answers.map(outcomeOf)).toEqual(['held', 'in_progress', 'conflict', 'held']);
    expect(answers[1]!.result.claimedBy).toBe(orders[0]!.id);
  });

  /** Fails when the product's clock, which stands still here, decides about sign-ins. */
  it('refuse an access that has expired in real time, whatever the product’s clock says', async () => {
    const user = await bench.money.userWith(10n);
    await bench.money.query('update auth_grants set expires_at = ? where id = ?', [
      new Date(Date.now() - 1),
      user.accessId,
    ]);
    expect(outcomeOf(await bench.one.batches.reserve(order(user, 1n)))).toBe('access_revoked');
  });

  it('say of an account that does not exist that it does not, and serve its neighbours', async () => {
    const user = await bench.money.userWith(100n);
    const stranger = { id: UNKNOWN_USER, accessId: user.accessId };
    const orders = [order(stranger, 1n), order(user, 1n)];
    const answers = await Promise.all(orders.map((asked) => bench.one.batches.reserve(asked)));
    expect(answers.map(outcomeOf)).toEqual(['no_account', 'held']);
  });
});
