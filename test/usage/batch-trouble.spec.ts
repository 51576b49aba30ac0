import { setTimeout as sleep } from 'node:timers/promises';
import { HoldBatches } from '../../src/usage/hold-batches.service.js';
import { attempt, NOW } from '../credits/money-database.js';
import { moneyServices } from '../credits/money-services.js';
import { startTestApp } from '../support/test-app.js';
import { BatchBench, order, outcomeOf, settlement, voiding } from './batch-bench.js';

describe('batches of holds in trouble', () => {
  let bench: BatchBench;

  beforeAll(async () => {
    bench = await BatchBench.open();
  });

  afterAll(() => bench.close());

  afterEach(async () => {
    expect(await bench.money.offenders()).toEqual([]);
  });

  /** Fails when a batch rejects all its members. */
  it('with a member that the database refuses fail for that one alone', async () => {
    const user = await bench.money.userWith(100n);
    const good = Array.from({ length: 5 }, () => order(user, 10n));
    const poisoned = order(user, 1n, { boundTokens: 3_000_000_000 });
    const orders = [...good.slice(0, 3), poisoned, ...good.slice(3)];
    const answers = await Promise.allSettled(orders.map((asked) => bench.one.batches.reserve(asked)));
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
      good.map((held, index) => bench.one.batches.settle(index === 2 ? unknownModel : settlement(held, 3n))),
    );
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect((ends[2] as PromiseRejectedResult).reason).toMatchObject({ code: '23503' });
    expect(await bench.money.account(user)).toMatchObject({ balance: 88n, held: 10n, pending: 1 });
  });

  describe('whose answer was lost after the commit', () => {
    const LOST = new Error('Connection terminated unexpectedly');

    /** The database does the next one of `method`, and the connection breaks before it can say so. */
    function losing(method: 'reserve' | 'settle'): HoldBatches {
      const { batches, holds } = moneyServices(bench.money.orm, NOW);
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
      const user = await bench.money.userWith(10n);
      const orders = [order(user, 4n), order(user, 4n), order(user, 4n)];
      const batches = losing('reserve');
      const answers = await Promise.all(orders.map((asked) => batches.reserve(asked)));
      expect(answers.map(outcomeOf)).toEqual(['held', 'held', 'insufficient']);
      expect(await bench.money.account(user)).toMatchObject({ held: 8n, pending: 2 });
    });

    it('are charged once', async () => {
      const user = await bench.money.userWith(10n);
      const [first, last] = [order(user, 4n), order(user, 4n)];
      for (const held of [first, last]) await bench.one.batches.reserve(held);
      const batches = losing('settle');
      const ends = await Promise.all([batches.settle(settlement(first, 3n)), batches.settle(voiding(last))]);
      expect(ends).toMatchObject([
        { state: 'settled', costUcr: 3n },
        { state: 'voided', costUcr: 0n },
      ]);
      expect(await bench.money.account(user)).toMatchObject({ balance: 7n, held: 0n });
    });
  });

  /** Fails when an extension waits for whoever has the hold: accounts come first everywhere else, and it would close a circle. */
  it('pass by a hold that someone has, where they extend it', async () => {
    const user = await bench.money.userWith(10n);
    const held = order(user, 1n);
    await bench.one.batches.reserve(held);
    const extend = (): Promise<boolean> => bench.one.batches.extend({ id: held.id, userId: user.id, ttlMs: 90_000 });
    await bench.outside.query('begin');
    await bench.outside.query('select 1 from credit_holds where id = $1 for update', [held.id]);
    const whileTaken = await extend();
    await bench.outside.query('rollback');
    expect([whileTaken, await extend()]).toEqual([false, true]);
  });

  /** Fails when the connections are closed over those who wait. */
  it('are carried out before a process that stops closes its connections', async () => {
    const user = await bench.money.userWith(10n);
    const server = await startTestApp({ database: { url: bench.money.url, drop: () => Promise.resolve() } });
    const batches = server.app.get(HoldBatches);
    let closing: Promise<void> = Promise.resolve();
    const answers = await bench.whileBusy({ batches, user, forMs: 500 }, () => {
      const waiting = [1, 2].map(() => batches.reserve(order(user, 1n)));
      closing = server.close();
      return waiting;
    });
    expect((await Promise.all(answers)).map(outcomeOf)).toEqual(['held', 'held']);
    await closing;
  });

  /** Fails when reserve or settle lock their accounts in any order. */
  it('meet no deadlock: two processes and two sweepers over the same accounts, in any order', async () => {
    const users = await Promise.all(Array.from({ length: 12 }, () => bench.money.userWith(1_000_000n)));
    // A deadlock shows nowhere else: its batch is run again.
    const failures: unknown[] = [];
    for (const { holds } of [bench.one, bench.other]) {
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
    const sweepers = [bench.one, bench.other].map(async ({ sweeper }) => {
      while (!isOver) {
        await sweeper.sweep(NOW);
        await sleep(5);
      }
    });
    let charged = 0n;
    const requests = Array.from({ length: 1_500 }, async (_, index) => {
      await sleep(random(400));
      const { batches } = index % 2 ? bench.one : bench.other;
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
    const [row] = await bench.money.query<{ sum: string }>(
      'select sum(credits_ucr)::text as sum from token_usage_ledger where user_id = any(?)',
      [`{${users.map(({ id }) => id).join(',')}}`],
    );
    expect(BigInt(row!.sum)).toBe(charged);
  });
});
