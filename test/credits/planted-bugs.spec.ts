import pg from 'pg';
import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { Comparison } from './comparison.js';
import { LivesDatabase } from './lives-database.js';
import { member, type TestUser } from './money-database.js';
import { moneyServices } from './money-services.js';
import type { Operation } from './operations.js';
import {
  CLOSED_AGAIN,
  LOCKED_AS_THEY_COME,
  PLANTED_BUGS,
  type PlantedBug,
  READ_BEFORE_THE_LOCK,
} from './planted-bugs.js';

const BIRTH = new Date('2026-01-31T12:00:30.000Z');

/**
 * Every rule that protects the books is taken out once, and the test that is there for it must fail: a rule that nothing misses is not tested.
 * The same lives pass with the functions as they are.
 */
describe('without the rule that', () => {
  let lives: LivesDatabase;

  beforeAll(async () => {
    lives = await LivesDatabase.open();
  });

  afterAll(() => lives.close());

  /** Runs `work` while the function lacks the rule. */
  async function planted(bug: Omit<PlantedBug, 'life'>, work: () => Promise<void>): Promise<void> {
    const { rows } = await lives.outside.query<{ text: string }>(
      `select pg_get_functiondef(oid) as text from pg_proc where proname = $1 and pronamespace = 'tollgate'::regnamespace`,
      [bug.in],
    );
    const text = rows[0]!.text;
    let mutated = text;
    for (const [from, to] of bug.replace) {
      expect(mutated).toContain(from);
      mutated = mutated.replaceAll(from, to);
    }
    await lives.outside.query(mutated);
    try {
      await work();
    } finally {
      await lives.outside.query(text);
    }
  }

  async function live(life: readonly Operation[]): Promise<void> {
    const comparison = await Comparison.begin(lives, BIRTH, ['pro']);
    for (const operation of life) await comparison.run({ operation, crashAfter: null });
    await comparison.end();
  }

  it.each(PLANTED_BUGS)('$rule, the comparison with the reference fails', async (bug) => {
    await live(bug.life);
    await planted(bug, () => expect(live(bug.life)).rejects.toThrow());
  });

  /** Waits until so many sessions wait for a lock. */
  async function untilWaiting(count: number): Promise<void> {
    for (;;) {
      const { rows } = await lives.outside.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (rows.length >= count) return;
    }
  }

  async function whileLocked<T>(user: TestUser, work: () => Promise<T>): Promise<T> {
    const blocker = new pg.Client({ connectionString: lives.money.url });
    await blocker.connect();
    try {
      await blocker.query('begin');
      await blocker.query('select 1 from credit_accounts where user_id = $1 for update', [user.id]);
      const begun = work();
      begun.catch(() => undefined);
      await untilWaiting(1);
      await blocker.query('update credits set held_ucr = 8 where user_id = $1 and source = $2', [user.id, 'promo']);
      await blocker.query('update credit_accounts set held_ucr = 8 where user_id = $1', [user.id]);
      await blocker.query('commit');
      return await begun;
    } finally {
      await blocker.end();
    }
  }

  it(`${READ_BEFORE_THE_LOCK.rule}, a request burns what another one holds`, async () => {
    const { money } = lives;
    const ask = async (): Promise<string> => {
      const user = await money.newUser();
      await money.addGrant(user, { amountUcr: 10n });
      await money.addGrant(user, { amountUcr: 10n, source: 'purchase' });
      const results = await whileLocked(user, () => money.holds.reserve([member(user, 15n)], BIRTH)).catch(
        (error: { code?: string }) => [{ outcome: `error ${error.code}` }],
      );
      return results[0]!.outcome;
    };
    expect(await ask()).toBe('insufficient');
    // The last fence stops it: what is held may not exceed what remains.
    await planted(READ_BEFORE_THE_LOCK, async () => expect(await ask()).toBe('error 23514'));
  });

  it(`${LOCKED_AS_THEY_COME.rule}, batches over the same users in other orders block each other`, async () => {
    const { money } = lives;
    const ask = async (): Promise<(string | undefined)[]> => {
      const pair = [await money.userWith(100n), await money.userWith(100n)].sort((a, b) => (a.id < b.id ? -1 : 1));
      const [first, second] = pair as [TestUser, TestUser];
      const blocker = new pg.Client({ connectionString: money.url });
      await blocker.connect();
      await blocker.query('begin');
      await blocker.query('select 1 from credit_accounts where user_id = $1 for update', [first.id]);
      const upwards = money.holds.reserve([member(first, 1n), member(second, 1n)], BIRTH);
      await untilWaiting(1);
      const downwards = money.holds.reserve([member(second, 1n), member(first, 1n)], BIRTH);
      await untilWaiting(2);
      await blocker.query('rollback');
      await blocker.end();
      const ended = await Promise.allSettled([upwards, downwards]);
      return ended.map((one) => (one.status === 'fulfilled' ? undefined : (one.reason as { code: string }).code));
    };
    expect(await ask()).toEqual([undefined, undefined]);
    await planted(LOCKED_AS_THEY_COME, async () => expect(await ask()).toContain('40P01'));
  });

  it(`${CLOSED_AGAIN.rule}, a second close of it is no longer passed by`, async () => {
    const { money } = lives;
    const services = moneyServices(money.orm, BIRTH);
    const closeTwice = async (): Promise<boolean[]> => {
      const user = await money.newUser({ hasAccount: false });
      const { id } = await services.subscriptions.startPlan(
        user.id,
        'pro',
        { actorId: null, reason: 'test', isTrial: false },
        BIRTH,
      );
      const { index, start: startsAt, end: endsAt } = billingPeriod(BIRTH, 1);
      const terms = {
        userId: user.id,
        subscriptionId: id,
        periodIndex: 0,
        capUcr: 25n,
        minCarryUcr: 4n,
        rolloverEndsAt: endsAt,
        next: { index, startsAt, endsAt, allowanceUcr: 60n },
        nextDueAt: endsAt,
      };
      const once = await services.allowances.closePeriods([terms], startsAt);
      const twice = await services.allowances.closePeriods([terms], startsAt);
      return [...once, ...twice].map(({ isClosed }) => isClosed);
    };
    expect(await closeTwice()).toEqual([true, false]);
    await planted(CLOSED_AGAIN, () => expect(closeTwice()).rejects.toThrow(/period_closes_pkey/));
  });
});
