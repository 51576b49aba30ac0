import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM } from '@mikro-orm/postgresql';
import fc from 'fast-check';
import pg from 'pg';
import type { ReserveMember, SettleMember } from '../../src/credits/hold.repository.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { HoldBatches, type ReserveAnswer, type ReserveOrder } from '../../src/usage/hold-batches.service.js';
import {
  attempt,
  ending,
  member,
  MoneyDatabase,
  NOW,
  settlement as settlementOf,
  type TestUser,
} from '../credits/money-database.js';
import { type MoneyServices, moneyServices } from '../credits/money-services.js';
import { startTestApp } from '../support/test-app.js';
import { testConfig } from '../support/test-config.js';

const UNKNOWN_USER = '0197c000-0000-7000-8000-0000000000ff';

describe('batches of holds', () => {
  let money: MoneyDatabase;
  let second: MikroORM;
  /** Two processes, each with connections, batches and a sweeper of its own. */
  let one: MoneyServices;
  let other: MoneyServices;
  let outside: pg.Client;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    second = await MikroORM.init(ormOptions(money.url, testConfig({ DATABASE_POOL_SIZE: '10' })));
    one = moneyServices(money.orm, NOW);
    other = moneyServices(second, NOW);
    outside = new pg.Client({ connectionString: money.url });
    await outside.connect();
  });

  afterAll(async () => {
    await outside.end();
    await second.close();
    await money.close();
  });

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  function order(user: TestUser, amountUcr: bigint, over: Partial<ReserveMember> = {}): ReserveOrder {
    const { expiresAt: _, ...rest } = member(user, amountUcr, over);
    return { ...rest, ttlMs: 60_000 };
  }

  function settlement(held: ReserveOrder, costUcr: bigint): SettleMember {
    return settlementOf({ ...held, expiresAt: NOW }, costUcr);
  }

  /** Does `work` while another transaction has the account of `user`, and then whatever `work` began is over. */
  async function whileLocked<Result>(
    user: TestUser,
    work: () => Promise<Result>[],
    forMs = 50,
  ): Promise<Promise<Result>[]> {
    await outside.query('begin');
    await outside.query('select 1 from credit_accounts where user_id = $1 for update', [user.id]);
    const begun = work();
    // They are on their way to the database; what the test expects does not depend on how far they came.
    await sleep(forMs);
    await outside.query('rollback');
    return begun;
  }

  /** The first of `user`'s waits for the account, so that all the others share the next batch. */
  async function asOneBatch(batches: HoldBatches, user: TestUser, orders: ReserveOrder[]): Promise<ReserveAnswer[]> {
    const answers = await whileLocked(user, () => {
      const first = batches.reserve(order(user, 0n));
      return [first, ...orders.map(async (one) => sleep(10).then(() => batches.reserve(one)))];
    });
    return (await Promise.all(answers)).slice(1);
  }

  const outcomeOf = ({ result }: ReserveAnswer): string => result.outcome;

  it('never let a big request that is refused refuse a small one behind it', async () => {
    const user = await money.userWith(10n);
    const amounts = [11n, 4n, 7n, 6n, 1n];
    const answers = await asOneBatch(
      one.batches,
      user,
      amounts.map((amount) => order(user, amount)),
    );
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
          const user = await money.userWith(150n, 250n);
          const arrived: { isOne: boolean; amount: bigint; answer: Promise<ReserveAnswer> }[] = [];
          for (const [index, [isOne, units]] of requests.entries()) {
            if (index % 7 === 0) await sleep(index % 3);
            const amount = BigInt(units);
            arrived.push({ isOne, amount, answer: (isOne ? one : other).batches.reserve(order(user, amount)) });
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
    const users = await Promise.all(Array.from({ length: 3 }, () => money.userWith(1_000n)));
    const left = new Map<string, bigint>(users.map(({ id }) => [id, 1_000n]));
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const user = users[(index * index) % 3]!;
        const amount = BigInt((index % 5) + 1);
        if (index % 50 === 0) await sleep(1);
        const answer = one.batches.reserve(order(user, amount));
        const expected = left.get(user.id)! - amount;
        left.set(user.id, expected);
        expect((await answer).result).toMatchObject({ outcome: 'held', availableUcr: expected });
      }),
    );
  });

  /** Fails when a batch rejects all its members. */
  it('with a member that the database refuses fail for that one alone', async () => {
    const user = await money.userWith(100n);
    const good = Array.from({ length: 5 }, () => order(user, 10n));
    const poisoned = order(user, 1n, { boundTokens: 3_000_000_000 });
    const orders = [...good.slice(0, 3), poisoned, ...good.slice(3)];
    const answers = await Promise.allSettled(orders.map((asked) => one.batches.reserve(asked)));
    expect(answers.map((answer) => (answer.status === 'fulfilled' ? outcomeOf(answer.value) : 'failed'))).toEqual([
      'held',
      'held',
      'held',
      'failed',
      'held',
      'held',
    ]);
    const unknownModel = { ...settlement(good[2]!, 3n), attempts: [{ ...attempt(3n), modelId: 'no-such-model' }] };
    const ends = await Promise.allSettled(
      good.map((held, index) => one.batches.settle(index === 2 ? unknownModel : settlement(held, 3n))),
    );
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect((ends[2] as PromiseRejectedResult).reason).toMatchObject({ code: '23503' });
    expect(await money.account(user)).toMatchObject({ balance: 88n, held: 10n, pending: 1 });
  });

  /** Fails when the queue has no limit, or when one place less is left. */
  it('let 1 024 wait, refuse the next, and answer all who waited', async () => {
    const user = await money.userWith(10_000n);
    const answers = await whileLocked(user, () => {
      const first = one.batches.reserve(order(user, 1n));
      return [
        first,
        ...Array.from({ length: 1_025 }, () => sleep(10).then(() => one.batches.reserve(order(user, 1n)))),
      ];
    });
    const settled = await Promise.allSettled(answers);
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.map(({ reason }) => reason as Error)).toMatchObject([
      { code: 'overloaded', status: 503, headers: { 'retry-after': '1' } },
    ]);
    expect(await money.account(user)).toMatchObject({ held: 1_025n, pending: 1_025 });
  });

  /** Fails when the queue of settlements has the limit of that of reservations. */
  it('never refuse to end a hold, and take no new ones while many wait to be ended', async () => {
    const { batches } = moneyServices(money.orm, NOW, { BATCH_QUEUE_MAX: '2', BATCH_MEMBERS_MAX: '3' });
    const user = await money.userWith(100n);
    const held = Array.from({ length: 8 }, () => order(user, 2n));
    for (const asked of held) await batches.reserve(asked);
    let refused: Promise<unknown> = Promise.resolve();
    const ends = await whileLocked(user, () => {
      const settling = held.map((asked) => batches.settle(settlement(asked, 1n)));
      refused = sleep(10).then(() => batches.reserve(order(user, 1n)));
      refused.catch(() => undefined);
      return settling;
    });
    await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
    expect((await Promise.all(ends)).map(({ outcome }) => outcome)).toEqual(held.map(() => 'done'));
    expect(await money.account(user)).toMatchObject({ balance: 92n, held: 0n });
  });

  it('carry idempotency keys: one request gets the key, another with it waits, one with another body is refused', async () => {
    const user = await money.userWith(100n);
    const claim = (requestHash: string) => ({
      idempotency: { route: '/v1/chat/completions', key: 'same', requestHash: Buffer.from(requestHash) },
    });
    const orders = [claim('a'), claim('a'), claim('b'), {}].map((over) => order(user, 1n, over));
    const answers = await Promise.all(orders.map((asked) => one.batches.reserve(asked)));
    expect(answers.map(outcomeOf)).toEqual(['held', 'in_progress', 'conflict', 'held']);
    expect(answers[1]!.result.claimedBy).toBe(orders[0]!.id);
  });

  /** Fails when the product's clock, which stands still here, decides about sign-ins. */
  it('refuse an access that has expired in real time, whatever the product’s clock says', async () => {
    const user = await money.userWith(10n);
    await money.query('update auth_grants set expires_at = ? where id = ?', [new Date(Date.now() - 1), user.accessId]);
    expect(outcomeOf(await one.batches.reserve(order(user, 1n)))).toBe('access_revoked');
  });

  it('say of an account that does not exist that it does not, and serve its neighbours', async () => {
    const user = await money.userWith(100n);
    const stranger = { id: UNKNOWN_USER, accessId: user.accessId };
    const orders = [order(stranger, 1n), order(user, 1n)];
    const answers = await Promise.all(orders.map((asked) => one.batches.reserve(asked)));
    expect(answers.map(outcomeOf)).toEqual(['no_account', 'held']);
  });

  describe('whose answer was lost after the commit', () => {
    const LOST = new Error('Connection terminated unexpectedly');

    /** The database does the next one of `method`, and the connection breaks before it can say so. */
    function losing(method: 'reserve' | 'settle'): HoldBatches {
      const { batches, holds } = moneyServices(money.orm, NOW);
      const done = holds[method].bind(holds) as (...call: unknown[]) => Promise<never>;
      let calls = 0;
      holds[method] = async (...call: unknown[]) => {
        const results = await done(...call);
        if ((calls += 1) === 1) throw LOST;
        return results;
      };
      return batches;
    }

    /** Fails when a repeat is not taken for the hold that it repeats. */
    it('are held once', async () => {
      const user = await money.userWith(10n);
      const orders = [order(user, 4n), order(user, 4n), order(user, 4n)];
      const batches = losing('reserve');
      const answers = await Promise.all(orders.map((asked) => batches.reserve(asked)));
      expect(answers.map(outcomeOf)).toEqual(['held', 'held', 'insufficient']);
      expect(await money.account(user)).toMatchObject({ held: 8n, pending: 2 });
    });

    it('are charged once', async () => {
      const user = await money.userWith(10n);
      const [first, last] = [order(user, 4n), order(user, 4n)];
      for (const held of [first, last]) await one.batches.reserve(held);
      const batches = losing('settle');
      const ends = await Promise.all([batches.settle(settlement(first, 3n)), batches.settle(voiding(last))]);
      expect(ends).toMatchObject([
        { state: 'settled', costUcr: 3n },
        { state: 'voided', costUcr: 0n },
      ]);
      expect(await money.account(user)).toMatchObject({ balance: 7n, held: 0n });
    });

    function voiding(held: ReserveOrder): SettleMember {
      return ending({ ...held, expiresAt: NOW }, 'voided');
    }
  });

  /** Fails when an extension waits for whoever has the hold: accounts come first everywhere else, and it would close a circle. */
  it('pass by a hold that someone has, where they extend it', async () => {
    const user = await money.userWith(10n);
    const held = order(user, 1n);
    await one.batches.reserve(held);
    const extend = (): Promise<boolean> => one.batches.extend({ id: held.id, userId: user.id, ttlMs: 90_000 });
    await outside.query('begin');
    await outside.query('select 1 from credit_holds where id = $1 for update', [held.id]);
    const whileTaken = await extend();
    await outside.query('rollback');
    expect([whileTaken, await extend()]).toEqual([false, true]);
  });

  /** Fails when the connections are closed over those who wait. */
  it('are carried out before a process that stops closes its connections', async () => {
    const user = await money.userWith(10n);
    const server = await startTestApp({ database: { url: money.url, drop: () => Promise.resolve() } });
    const batches = server.app.get(HoldBatches);
    let closing: Promise<void> = Promise.resolve();
    const answers = await whileLocked(
      user,
      () => {
        const first = batches.reserve(order(user, 1n));
        const waiting = [1, 2].map(() => sleep(10).then(() => batches.reserve(order(user, 1n))));
        closing = sleep(20).then(() => server.close());
        return [first, ...waiting];
      },
      500,
    );
    expect((await Promise.all(answers)).map(outcomeOf)).toEqual(['held', 'held', 'held']);
    await closing;
  });

  /** Fails when reserve or settle lock their accounts in any order. */
  it('meet no deadlock: two processes and two sweepers over the same accounts, in any order', async () => {
    const users = await Promise.all(Array.from({ length: 12 }, () => money.userWith(1_000_000n)));
    // A deadlock shows nowhere else: its batch is run again.
    const failures: unknown[] = [];
    for (const { holds } of [one, other]) {
      for (const method of ['reserve', 'settle', 'extend'] as const) {
        const call = holds[method].bind(holds) as (...members: unknown[]) => Promise<never>;
        holds[method] = (...members: unknown[]) =>
          call(...members).catch((error: unknown) => {
            failures.push(error);
            throw error;
          });
      }
    }
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
    let isOver = false;
    const sweepers = [one, other].map(async ({ sweeper }) => {
      while (!isOver) {
        await sweeper.sweep(NOW);
        await sleep(5);
      }
    });
    let charged = 0n;
    const requests = Array.from({ length: 1_500 }, async (_, index) => {
      await sleep(random(400));
      const { batches } = index % 2 ? one : other;
      const held = order(users[random(users.length)]!, BigInt(1 + random(9)));
      await batches.reserve(held);
      await sleep(random(20));
      if (random(3) === 0) await batches.extend({ id: held.id, userId: held.userId, ttlMs: 90_000 });
      const cost = BigInt(random(12));
      const end = await batches.settle(settlement(held, cost));
      expect(end.outcome).toBe('done');
      charged += cost;
    });
    await Promise.all(requests);
    isOver = true;
    await Promise.all(sweepers);
    expect(failures).toEqual([]);
    const [row] = await money.query<{ sum: string }>(
      'select sum(credits_ucr)::text as sum from token_usage_ledger where user_id = any(?)',
      [`{${users.map(({ id }) => id).join(',')}}`],
    );
    expect(BigInt(row!.sum)).toBe(charged);
  });
});
