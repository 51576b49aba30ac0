import { setTimeout as sleep } from 'node:timers/promises';
import { Sealer } from '../../src/auth/sealer.js';
import { Hold } from '../../src/credits/hold.entity.js';
import type { IdempotencyClaim, ReserveMember } from '../../src/credits/hold.repository.js';
import { ANSWER_KEPT_MS, StoredAnswers } from '../../src/credits/stored-answers.service.js';
import { ending, member, MoneyDatabase, NOW, settlement, type TestUser } from '../credits/money-database.js';
import { testConfig } from '../support/test-config.js';

const DAY_LATER = new Date(NOW.getTime() + ANSWER_KEPT_MS);

describe('keys of clients in the database', () => {
  let money: MoneyDatabase;
  let answers: StoredAnswers;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    answers = new StoredAnswers(money.em, new Sealer(testConfig()));
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  function claim(key: string, body = 'a'): IdempotencyClaim {
    return { route: 'POST /v1/chat/completions', key, requestHash: Buffer.from(body) };
  }

  function keyed(user: TestUser, key: string, over: Partial<ReserveMember> = {}): ReserveMember {
    return member(user, 1n, { idempotency: claim(key), ...over });
  }

  function answered(held: ReserveMember, body: string) {
    const answer = answers.seal(held.userId, held.idempotency!, { status: 200, headers: {}, body });
    return { ...settlement(held, 1n), idempotency: { ...held.idempotency!, answer } };
  }

  async function outcome(held: ReserveMember, now = NOW): Promise<[string | undefined, string | null | undefined]> {
    const [result] = await money.holds.reserve([held], now);
    return [result?.outcome, result?.claimedBy];
  }

  async function keysOf(user: TestUser): Promise<string[]> {
    const rows = await money.query<{ key: string }>('select key from idempotency_keys where user_id = ? order by key', [
      user.id,
    ]);
    return rows.map(({ key }) => key);
  }

  /** Until some statement waits for a lock that another transaction has. */
  async function someoneWaits(): Promise<void> {
    for (;;) {
      const rows = await money.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      if (rows.length > 0) return;
      await sleep(5);
    }
  }

  it('are free again once the sweeper has ended the hold of a request that died', async () => {
    const user = await money.userWith(100n);
    const died = keyed(user, 'k');
    expect(await outcome(died)).toEqual(['held', died.id]);
    expect(await outcome(keyed(user, 'k'), died.expiresAt)).toEqual(['in_progress', died.id]);
    await money.holds.settle([ending(died, 'expired')], died.expiresAt);
    const again = keyed(user, 'k');
    expect(await outcome(again, died.expiresAt)).toEqual(['held', again.id]);
  });

  /** Fails with the reserve of before, which had the key in its hands while it waited for the account: one of the two is killed after a second. */
  it('make nobody wait in a circle: a late settlement writes its key while a retry with it waits for the account', async () => {
    const user = await money.userWith(100n);
    const late = keyed(user, 'k');
    await money.holds.reserve([late], NOW);
    await money.holds.settle([ending(late, 'expired')], late.expiresAt);
    const retry = keyed(user, 'k');
    const em = money.em;
    await em.begin();
    await em.execute('select 1 from credit_accounts where user_id = ? for update', [user.id]);
    const retried = outcome(retry, late.expiresAt);
    await someoneWaits();
    const [settled] = await em.getRepository(Hold).settle([answered(late, 'late')], late.expiresAt);
    await em.commit();
    expect(settled).toMatchObject({ outcome: 'done', state: 'settled_late' });
    expect(await retried).toEqual(['replay', late.id]);
    expect(await answers.find(user.id, claim('k'))).toMatchObject({ requestId: late.id, body: 'late' });
  });

  it('may cross in batches of two processes, settled, refused and given back: each is one request at a time', async () => {
    const users = await Promise.all([money.userWith(1_000n), money.userWith(1_000n)]);
    const keys = ['a', 'b', 'c', 'd', 'e'];
    let held = 0;
    await Promise.all(
      [0, 1, 2, 3].map(async (process) => {
        for (let round = 0; round < 15; round += 1) {
          const order = process % 2 === 0 ? keys : keys.toReversed();
          const batch = order.flatMap((key) => users.map((user) => keyed(user, `${key}${round % 3}`)));
          const tooDear = keyed(users[0]!, `f${round}`, { amountUcr: 5_000n });
          const results = await money.holds.reserve([...batch, tooDear], NOW);
          const ours = batch.filter((_, index) => results[index]?.outcome === 'held');
          held += ours.length;
          await money.holds.settle(
            ours.map((one, index) => (index % 2 === 0 ? ending(one, 'voided') : answered(one, one.id))),
            NOW,
          );
        }
      }),
    );
    expect(held).toBeGreaterThan(0);
    for (const user of users) {
      const rows = await money.query<{ key: string; charged: string }>(
        `select t.key, count(u.id) as charged from idempotency_keys t
         left join token_usage_ledger u on u.user_id = t.user_id and u.request_id = t.request_id where t.user_id = ? group by t.key`,
        [user.id],
      );
      for (const { charged } of rows) expect(Number(charged)).toBe(1);
      const [ledger] = await money.query<{ count: string }>(
        'select count(*) from token_usage_ledger where user_id = ?',
        [user.id],
      );
      expect(Number(ledger?.count)).toBe(rows.length);
    }
  });

  it('of one batch are one request and its repeats', async () => {
    const user = await money.userWith(100n);
    const [first, second, other] = [
      keyed(user, 'k'),
      keyed(user, 'k'),
      keyed(user, 'k', { idempotency: claim('k', 'b') }),
    ];
    const results = await money.holds.reserve([first, second, other], NOW);
    expect(results.map(({ outcome: one }) => one)).toEqual(['held', 'in_progress', 'conflict']);
  });

  it('are new after a day, before any clean-up, and not a moment earlier', async () => {
    const user = await money.userWith(100n);
    const first = keyed(user, 'k');
    await money.holds.reserve([first], NOW);
    await money.holds.settle([answered(first, 'one')], NOW);
    expect(await outcome(keyed(user, 'k'), new Date(DAY_LATER.getTime() - 1))).toEqual(['replay', first.id]);
    const second = keyed(user, 'k', {
      idempotency: claim('k', 'another body'),
      expiresAt: new Date(DAY_LATER.getTime() + 1),
    });
    expect(await outcome(second, DAY_LATER)).toEqual(['held', second.id]);
    expect(await answers.find(user.id, claim('k'))).toBeNull();
    await money.holds.settle([ending(second, 'voided')], DAY_LATER);
    expect(await keysOf(user)).toEqual([]);
  });

  it('are cleaned up some at a time once their day is over, past those that someone has', async () => {
    const user = await money.userWith(10n);
    await money.query('delete from idempotency_keys');
    await money.query(
      `insert into idempotency_keys (user_id, route, key, request_id, request_hash, state, created_at, updated_at)
       select ?, 'POST /x', 'old' || n, gen_random_uuid(), 'h', 'done', ?, ? from generate_series(1, 2500) n`,
      [user.id, NOW, NOW],
    );
    await money.query(
      `insert into idempotency_keys (user_id, route, key, request_id, request_hash, state, created_at, updated_at)
       values (?, 'POST /x', 'young', gen_random_uuid(), 'h', 'done', ?, ?)`,
      [user.id, new Date(NOW.getTime() + 1), NOW],
    );
    const em = money.em;
    await em.begin();
    await em.execute(`select 1 from idempotency_keys where key = 'old7' for update`);
    expect(await answers.deleteOld(DAY_LATER)).toBe(2_499);
    await em.rollback();
    expect(await keysOf(user)).toEqual(['old7', 'young']);
    expect(await answers.deleteOld(DAY_LATER)).toBe(1);
    expect(await keysOf(user)).toEqual(['young']);
  });

  it('do not show their answers to whoever reads the table, or moves a row', async () => {
    const [user, thief] = [await money.userWith(10n), await money.userWith(10n)];
    const held = keyed(user, 'k');
    await money.holds.reserve([held], NOW);
    await money.holds.settle([answered(held, 'a secret answer')], NOW);
    const [row] = await money.query<{ body_sealed: Buffer }>(
      'select body_sealed from idempotency_keys where user_id = ?',
      [user.id],
    );
    expect(Buffer.from(row!.body_sealed).toString('latin1')).not.toContain('secret');
    await money.query('update idempotency_keys set user_id = ? where user_id = ?', [thief.id, user.id]);
    await expect(answers.find(thief.id, claim('k'))).rejects.toThrow();
  });
});
