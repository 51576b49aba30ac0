import { newId } from '../../src/common/ids.js';
import { seedPlans } from '../../seeders/plans.seeder.js';
import { ending, member, MoneyDatabase, NOW, NO_LIMITS, settlement, type TestUser } from './money-database.js';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('taking a hold', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  describe('reserving', () => {
    it('takes from grants by priority, then earliest expiry, then age, and remembers which gave how much', async () => {
      const user = await money.newUser();
      const purchase = await money.addGrant(user, { amountUcr: 100n, source: 'purchase' });
      const late = await money.addGrant(user, { amountUcr: 10n, expiresAt: later(2_000_000) });
      const soon = await money.addGrant(user, { amountUcr: 10n, expiresAt: later(1_000_000) });
      const open = await money.addGrant(user, { amountUcr: 10n });
      const held = member(user, 35n);
      const [result] = await money.holds.reserve([held], NOW);
      expect(result).toMatchObject({ outcome: 'held', availableUcr: 95n, heldUcr: 35n });
      const [row] = await money.query<{ slices: unknown }>('select slices from credit_holds where id = ?', [held.id]);
      expect(row?.slices).toEqual([
        { creditId: soon, amountUcr: '10' },
        { creditId: late, amountUcr: '10' },
        { creditId: open, amountUcr: '10' },
        { creditId: purchase, amountUcr: '5' },
      ]);
    });

    it('counts only grants that are active at the given moment: start included, end not', async () => {
      const user = await money.newUser();
      await money.addGrant(user, { amountUcr: 10n, effectiveAt: later(1_000), expiresAt: later(2_000) });
      const at = async (ms: number): Promise<string | undefined> =>
        (await money.holds.reserve([member(user, 1n)], later(ms)))[0]?.outcome;
      expect([await at(999), await at(1_000), await at(1_999), await at(2_000)]).toEqual([
        'insufficient',
        'held',
        'held',
        'insufficient',
      ]);
    });

    it('refuses with what is needed to act on it, and stores nothing', async () => {
      const user = await money.userWith(10n);
      const future = later(86_400_000);
      await money.addGrant(user, { amountUcr: 5n, effectiveAt: future });
      await money.holds.reserve([member(user, 4n)], NOW);
      const refused = member(user, 7n);
      const [result] = await money.holds.reserve([refused], NOW);
      expect(result).toMatchObject({
        outcome: 'insufficient',
        availableUcr: 6n,
        heldUcr: 4n,
        debtUcr: 0n,
        nextGrantAt: future,
      });
      expect(await money.query('select 1 from credit_holds where id = ?', [refused.id])).toEqual([]);
      expect(await money.account(user)).toMatchObject({ balance: 15n, held: 4n, pending: 1 });
    });

    it('names the period’s end as the next grant when that comes first', async () => {
      const user = await money.newUser({ nextDueAt: later(5_000) });
      await money.addGrant(user, { amountUcr: 5n, effectiveAt: later(9_000) });
      const [result] = await money.holds.reserve([member(user, 1n)], NOW);
      expect(result?.nextGrantAt).toEqual(later(5_000));
    });

    it('does not consult the balance for an amount of zero', async () => {
      const user = await money.userWith();
      const free = member(user, 0n);
      expect((await money.holds.reserve([free], NOW))[0]?.outcome).toBe('held');
      expect(await money.account(user)).toMatchObject({ held: 0n, pending: 1 });
      await money.holds.settle([settlement(free, 0n)], NOW);
    });

    it('lets a small request pass behind a big one that is refused, in one batch', async () => {
      const user = await money.userWith(10n);
      const results = await money.holds.reserve([member(user, 6n), member(user, 5n), member(user, 4n)], NOW);
      expect(results.map((result) => result.outcome)).toEqual(['held', 'insufficient', 'held']);
    });

    it('takes the same key once, in one batch and in the next', async () => {
      const user = await money.userWith(10n);
      const twice = member(user, 4n);
      const results = await money.holds.reserve([twice, twice], NOW);
      const [again] = await money.holds.reserve([twice], NOW);
      expect([...results, again].map((result) => result?.outcome)).toEqual(['held', 'repeat', 'repeat']);
      expect(await money.account(user)).toMatchObject({ held: 4n, pending: 1 });
    });

    it('refuses a revoked, expired or foreign access, and a suspended or deleted user', async () => {
      const user = await money.userWith(10n);
      const other = await money.userWith();
      const outcome = async (accessId = user.accessId): Promise<string | undefined> =>
        (await money.holds.reserve([member(user, 1n, { accessId })], NOW))[0]?.outcome;
      expect(await outcome(other.accessId)).toBe('access_revoked');
      expect(await outcome(newId())).toBe('access_revoked');
      await money.query('update users set status = ? where id = ?', ['suspended', user.id]);
      expect(await outcome()).toBe('account_suspended');
      await money.query(`update users set status = 'active', deleted_at = now() where id = ?`, [user.id]);
      expect(await outcome()).toBe('account_suspended');
      await money.query(`update users set deleted_at = null where id = ?`, [user.id]);
      expect(await outcome()).toBe('held');
      await money.query('update auth_grants set expires_at = ? where id = ?', [NOW, user.accessId]);
      expect(await outcome()).toBe('access_revoked');
      await money.query('update auth_grants set expires_at = ?, revoked_at = ? where id = ?', [
        later(1_000),
        NOW,
        user.accessId,
      ]);
      expect(await outcome()).toBe('access_revoked');
    });

    it('takes an API key of the user as access while it is neither revoked nor expired', async () => {
      const user = await money.userWith(10n);
      const other = await money.userWith(10n);
      const outcome = async (who = user, at = NOW): Promise<string | undefined> =>
        (await money.holds.reserve([member(who, 1n, { accessId })], at))[0]?.outcome;
      const accessId = newId();
      await money.query(
        `insert into api_keys (id, user_id, name, prefix, hash, scopes, expires_at) values (?, ?, 'key', 'tg', ?, '{}', ?)`,
        [accessId, user.id, Buffer.from(accessId), later(1_000)],
      );
      expect(await outcome()).toBe('held');
      expect(await outcome(other)).toBe('access_revoked');
      expect(await outcome(user, later(1_000))).toBe('access_revoked');
      await money.query('update api_keys set revoked_at = ? where id = ?', [NOW, accessId]);
      expect(await outcome()).toBe('access_revoked');
    });

    it('refuses while the subscription is suspended, and from the period’s end on until it is closed', async () => {
      const user = await money.newUser({ nextDueAt: later(1_000) });
      await money.addGrant(user, { amountUcr: 10n });
      expect((await money.holds.reserve([member(user, 1n)], later(999)))[0]?.outcome).toBe('held');
      expect((await money.holds.reserve([member(user, 1n)], later(1_000)))[0]?.outcome).toBe('period_due');
      await money.query('update credit_accounts set suspended_at = ? where user_id = ?', [NOW, user.id]);
      expect((await money.holds.reserve([member(user, 1n)], NOW))[0]?.outcome).toBe('subscription_inactive');
    });

    it('says that there is no account', async () => {
      const user = await money.newUser({ hasAccount: false });
      expect((await money.holds.reserve([member(user, 1n)], NOW))[0]?.outcome).toBe('no_account');
      expect(await money.holds.reserve([], NOW)).toEqual([]);
    });
  });

  describe('limits', () => {
    const outcome = async (
      user: TestUser,
      limits: Partial<typeof NO_LIMITS>,
      at = NOW,
      tokens = 10,
    ): Promise<unknown> => {
      const [result] = await money.holds.reserve(
        [member(user, 1n, { limits: { ...NO_LIMITS, ...limits }, boundTokens: tokens, expiresAt: later(1e9) })],
        at,
      );
      return result?.limit ?? result?.outcome;
    };

    it('count pending holds as concurrent requests; an ended hold frees its place', async () => {
      const user = await money.userWith(100n);
      const first = member(user, 1n, { limits: { ...NO_LIMITS, concurrentRequests: 1 } });
      await money.holds.reserve([first], NOW);
      expect(await outcome(user, { concurrentRequests: 1 })).toEqual({
        name: 'concurrent_requests',
        value: 1n,
        remaining: 0n,
        resetAt: null,
      });
      await money.holds.settle([ending(first, 'voided')], NOW);
      expect(await outcome(user, { concurrentRequests: 1 })).toBe('held');
    });

    // Planted once each: a waiting hold that counts, and one that waits and is counted in the batch it came in; both seen failing.
    it('count a hold of work that waits only while it is under way, and everything else of it at once', async () => {
      const user = await money.userWith(100n);
      const limits = { ...NO_LIMITS, concurrentRequests: 1, requestsPerMinute: 6 };
      const [first, second, chat, third] = [true, true, false, true].map((isWaiting) =>
        member(user, 1n, { limits, isWaiting }),
      );
      const together = await money.holds.reserve([first!, chat!, second!, third!], NOW);
      expect(together.map((one) => [one.outcome, one.used?.pending, one.used?.minuteRequests])).toEqual([
        ['held', 0, 1],
        ['held', 1, 2],
        ['held', 1, 3],
        ['held', 1, 4],
      ]);
      await money.holds.settle([ending(chat!, 'voided')], NOW);
      await money.holds.settle([ending(third!, 'voided')], NOW);
      await money.holds.markWaiting([{ ...first!, isWaiting: false }], NOW);
      expect(await outcome(user, limits)).toMatchObject({ name: 'concurrent_requests', remaining: 0n });
      await money.holds.markWaiting([{ ...first!, isWaiting: true }], NOW);
      expect(await outcome(user, limits)).toBe('held');
      await money.holds.settle([settlement(first!, 1n), settlement(second!, 1n)], NOW);
      expect(await outcome(user, limits)).toMatchObject({ name: 'concurrent_requests' });
      // What has ended is marked no more.
      await money.holds.markWaiting([{ ...first!, isWaiting: false }], NOW);
      expect(await money.query('select id from credit_holds where is_waiting and user_id = ?', [user.id])).toHaveLength(
        3,
      );
    });

    it('count requests of the UTC minute, day and month, and begin again with the next', async () => {
      const user = await money.userWith(100n);
      const limits = { requestsPerMinute: 1 };
      expect(await outcome(user, limits)).toBe('held');
      expect(await outcome(user, limits)).toMatchObject({
        name: 'requests_per_minute',
        resetAt: new Date('2026-05-10T12:01:00Z'),
      });
      expect(await outcome(user, limits, new Date('2026-05-10T12:01:00Z'))).toBe('held');
      expect(await outcome(user, { requestsPerDay: 2 }, new Date('2026-05-10T12:02:00Z'))).toMatchObject({
        name: 'requests_per_day',
        remaining: 0n,
        resetAt: new Date('2026-05-11T00:00:00Z'),
      });
      expect(await outcome(user, { requestsPerMonth: 2 }, new Date('2026-05-12T12:02:00Z'))).toMatchObject({
        name: 'requests_per_month',
        resetAt: new Date('2026-06-01T00:00:00Z'),
      });
      expect(await outcome(user, { requestsPerMonth: 2 }, new Date('2026-06-01T00:00:00Z'))).toBe('held');
    });

    it('count bound tokens, and correct them to the used ones when the hold ends in the same window', async () => {
      const user = await money.userWith(1_000n);
      const limits = { tokensPerMinute: 100n, tokensPerDay: 1_000n, tokensPerMonth: 1_000n };
      const first = member(user, 90n, { boundTokens: 90, limits: { ...NO_LIMITS, ...limits } });
      await money.holds.reserve([first], NOW);
      expect(await outcome(user, limits, NOW, 11)).toMatchObject({ name: 'tokens_per_minute', remaining: 10n });
      await money.holds.settle([settlement(first, 40n)], NOW);
      const [row] = await money.query<Record<string, string>>('select * from credit_accounts where user_id = ?', [
        user.id,
      ]);
      expect([row?.['minute_tokens'], row?.['day_tokens'], row?.['month_tokens']].map(Number)).toEqual([40, 40, 40]);
      expect(await outcome(user, limits, NOW, 60)).toBe('held');
    });

    it('leave the tokens of a window alone that has passed', async () => {
      const user = await money.userWith(1_000n);
      const first = member(user, 90n, { boundTokens: 90 });
      await money.holds.reserve([first], NOW);
      const next = later(60_000);
      await money.holds.reserve([member(user, 5n, { boundTokens: 5 })], next);
      await money.holds.settle([settlement(first, 40n)], next);
      const [row] = await money.query<Record<string, string>>('select * from credit_accounts where user_id = ?', [
        user.id,
      ]);
      expect([row?.['minute_tokens'], row?.['day_tokens']].map(Number)).toEqual([5, 45]);
    });

    it('apply within a batch', async () => {
      const user = await money.userWith(100n);
      const limits = { ...NO_LIMITS, concurrentRequests: 2 };
      const batch = Array.from({ length: 4 }, () => member(user, 1n, { limits }));
      const results = await money.holds.reserve(batch, NOW);
      expect(results.map((result) => result.outcome)).toEqual(['held', 'held', 'limited', 'limited']);
    });
  });
});
