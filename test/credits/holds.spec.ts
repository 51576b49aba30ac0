import { newId } from '../../src/common/ids.js';
import { attempt, ending, member, MoneyDatabase, NOW, NO_LIMITS, settlement, type TestUser } from './money-database.js';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('holds', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  async function userWith(...amounts: bigint[]): Promise<TestUser> {
    const user = await money.newUser();
    for (const amountUcr of amounts) await money.addGrant(user, { amountUcr });
    return user;
  }

  async function account(user: TestUser): Promise<{ balance: bigint; held: bigint; debt: bigint; pending: number }> {
    const [row] = await money.query<Record<string, string>>('select * from credit_accounts where user_id = ?', [
      user.id,
    ]);
    return {
      balance: BigInt(row?.['balance_ucr'] ?? -1),
      held: BigInt(row?.['held_ucr'] ?? -1),
      debt: BigInt(row?.['debt_ucr'] ?? -1),
      pending: Number(row?.['pending_count']),
    };
  }

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
      const user = await userWith(10n);
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
      expect(await account(user)).toMatchObject({ balance: 15n, held: 4n, pending: 1 });
    });

    it('names the period’s end as the next grant when that comes first', async () => {
      const user = await money.newUser({ nextDueAt: later(5_000) });
      await money.addGrant(user, { amountUcr: 5n, effectiveAt: later(9_000) });
      const [result] = await money.holds.reserve([member(user, 1n)], NOW);
      expect(result?.nextGrantAt).toEqual(later(5_000));
    });

    it('does not consult the balance for an amount of zero', async () => {
      const user = await userWith();
      const free = member(user, 0n);
      expect((await money.holds.reserve([free], NOW))[0]?.outcome).toBe('held');
      expect(await account(user)).toMatchObject({ held: 0n, pending: 1 });
      await money.holds.settle([settlement(free, 0n)], NOW);
    });

    it('lets a small request pass behind a big one that is refused, in one batch', async () => {
      const user = await userWith(10n);
      const results = await money.holds.reserve([member(user, 6n), member(user, 5n), member(user, 4n)], NOW);
      expect(results.map((result) => result.outcome)).toEqual(['held', 'insufficient', 'held']);
    });

    it('takes the same key once, in one batch and in the next', async () => {
      const user = await userWith(10n);
      const twice = member(user, 4n);
      const results = await money.holds.reserve([twice, twice], NOW);
      const [again] = await money.holds.reserve([twice], NOW);
      expect([...results, again].map((result) => result?.outcome)).toEqual(['held', 'repeat', 'repeat']);
      expect(await account(user)).toMatchObject({ held: 4n, pending: 1 });
    });

    it('refuses a revoked, expired or foreign access, and a suspended or deleted user', async () => {
      const user = await userWith(10n);
      const other = await userWith();
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
      await money.query('update auth_grants set revoked_at = ? where id = ?', [NOW, user.accessId]);
      expect(await outcome()).toBe('access_revoked');
    });

    it('takes an API key as access while it is neither revoked nor expired', async () => {
      const user = await userWith(10n);
      const accessId = newId();
      await money.query(
        `insert into api_keys (id, user_id, name, prefix, hash, scopes, expires_at) values (?, ?, 'key', 'tg', ?, '{}', ?)`,
        [accessId, user.id, Buffer.from(accessId), later(1_000)],
      );
      expect((await money.holds.reserve([member(user, 1n, { accessId })], NOW))[0]?.outcome).toBe('held');
      expect((await money.holds.reserve([member(user, 1n, { accessId })], later(1_000)))[0]?.outcome).toBe(
        'access_revoked',
      );
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
      const user = await userWith(100n);
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

    it('count requests of the UTC minute, day and month, and begin again with the next', async () => {
      const user = await userWith(100n);
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
      const user = await userWith(1_000n);
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
      const user = await userWith(1_000n);
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
      const user = await userWith(100n);
      const limits = { ...NO_LIMITS, concurrentRequests: 2 };
      const batch = Array.from({ length: 4 }, () => member(user, 1n, { limits }));
      const results = await money.holds.reserve(batch, NOW);
      expect(results.map((result) => result.outcome)).toEqual(['held', 'held', 'limited', 'limited']);
    });
  });

  describe('settling', () => {
    it('charges the cost, gives the rest back to its own grants and writes one usage row per attempt', async () => {
      const user = await money.newUser();
      const first = await money.addGrant(user, { amountUcr: 10n, expiresAt: later(1e6) });
      const second = await money.addGrant(user, { amountUcr: 10n });
      const held = member(user, 15n);
      await money.holds.reserve([held], NOW);
      const [result] = await money.holds.settle(
        [{ ...settlement(held, 0n), attempts: [attempt(8n), attempt(4n, 2)] }],
        NOW,
      );
      expect(result).toMatchObject({
        outcome: 'done',
        state: 'settled',
        costUcr: 12n,
        newDebtUcr: 0n,
        availableUcr: 8n,
      });
      const grants = await money.query<{ id: string; remaining_ucr: string; closed_at: unknown }>(
        'select id, remaining_ucr, closed_at from credits where user_id = ? order by remaining_ucr',
        [user.id],
      );
      expect(grants.map((row) => [row.id, Number(row.remaining_ucr), row.closed_at !== null])).toEqual([
        [first, 0, true],
        [second, 8, false],
      ]);
      expect(
        await money.query('select attempt_no from token_usage_ledger where hold_id = ? order by 1', [held.id]),
      ).toEqual([{ attempt_no: 1 }, { attempt_no: 2 }]);
    });

    it('answers a second settle with the first one’s result and charges nothing more', async () => {
      const user = await userWith(100n);
      const held = member(user, 50n);
      await money.holds.reserve([held], NOW);
      await money.holds.settle([settlement(held, 20n)], NOW);
      const [again] = await money.holds.settle([settlement(held, 33n)], later(1_000));
      const [voided] = await money.holds.settle([ending(held, 'voided')], later(1_000));
      expect(again).toMatchObject({ outcome: 'repeat', state: 'settled', costUcr: 20n, availableUcr: 80n });
      expect(voided).toMatchObject({ outcome: 'repeat', state: 'settled', costUcr: 20n });
    });

    it('takes cost beyond the hold from other active grants, then makes debt, and refuses new holds until it is repaid', async () => {
      const user = await userWith(10n, 5n);
      const held = member(user, 10n);
      await money.holds.reserve([held], NOW);
      const [result] = await money.holds.settle([settlement(held, 18n)], NOW);
      expect(result).toMatchObject({ costUcr: 18n, newDebtUcr: 3n, availableUcr: -3n });
      expect(await account(user)).toEqual({ balance: 0n, held: 0n, debt: 3n, pending: 0 });
      const [refused] = await money.holds.reserve([member(user, 1n)], NOW);
      expect(refused).toMatchObject({ outcome: 'debt_outstanding', debtUcr: 3n });
      expect((await money.holds.reserve([member(user, 0n)], NOW))[0]?.outcome).toBe('held');
    });

    it('never turns into debt what a neighbour in the same batch gives back', async () => {
      const user = await userWith(20n);
      const [over, under] = [member(user, 10n), member(user, 10n)];
      await money.holds.reserve([over, under], NOW);
      const [first] = await money.holds.settle([settlement(over, 15n), settlement(under, 2n)], NOW);
      expect(first).toMatchObject({ newDebtUcr: 0n, availableUcr: 3n });
    });

    it('settles a hold past its time that nobody swept as usual', async () => {
      const user = await userWith(10n);
      const held = member(user, 10n, { expiresAt: later(1) });
      await money.holds.reserve([held], NOW);
      expect((await money.holds.settle([settlement(held, 4n)], later(5_000)))[0]).toMatchObject({
        state: 'settled',
        availableUcr: 6n,
      });
    });

    it('charges late when the hold has expired meanwhile, once', async () => {
      const user = await userWith(10n);
      const held = member(user, 10n, { expiresAt: later(1) });
      await money.holds.reserve([held], NOW);
      const [expired] = await money.holds.settle([ending(held, 'expired')], later(1));
      expect(expired).toMatchObject({ outcome: 'done', state: 'expired', availableUcr: 10n });
      const [late] = await money.holds.settle([settlement(held, 4n)], later(2));
      expect(late).toMatchObject({ outcome: 'done', state: 'settled_late', costUcr: 4n, availableUcr: 6n });
      expect((await money.holds.settle([settlement(held, 4n)], later(3)))[0]).toMatchObject({
        outcome: 'repeat',
        state: 'settled_late',
      });
    });

    it('puts a hold back that a crash lost and charges it', async () => {
      const user = await userWith(10n);
      const lost = member(user, 8n);
      const [result] = await money.holds.settle([settlement(lost, 6n)], NOW);
      expect(result).toMatchObject({ outcome: 'done', state: 'settled_late', costUcr: 6n, availableUcr: 4n });
      const [row] = await money.query('select amount_ucr, slices, model_id from credit_holds where id = ?', [lost.id]);
      expect(row).toMatchObject({ amount_ucr: '8', slices: [], model_id: lost.modelId });
    });

    it('knows no hold of another user and none that never was', async () => {
      const user = await userWith(10n);
      const other = await userWith(10n);
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      const [foreign] = await money.holds.settle([{ ...ending(held, 'voided'), userId: other.id }], NOW);
      const [never] = await money.holds.settle([ending(member(user, 1n), 'voided')], NOW);
      expect([foreign?.outcome, never?.outcome]).toEqual(['unknown', 'unknown']);
      expect(await account(user)).toMatchObject({ held: 5n });
    });

    it('does not expire a hold before its time', async () => {
      const user = await userWith(10n);
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      expect((await money.holds.settle([ending(held, 'expired')], NOW))[0]).toMatchObject({
        outcome: 'repeat',
        state: 'pending',
      });
      expect(await account(user)).toMatchObject({ held: 5n, pending: 1 });
    });

    it('lets the unused part of an expired promo grant leave as expiry, while its used part is charged', async () => {
      const user = await money.newUser();
      await money.addGrant(user, { amountUcr: 10n, expiresAt: later(1_000) });
      const held = member(user, 10n);
      await money.holds.reserve([held], NOW);
      await money.holds.settle([settlement(held, 4n)], later(1_000));
      const lines = await money.query('select kind, amount_ucr from credit_postings where hold_id = ? order by kind', [
        held.id,
      ]);
      expect(lines).toEqual([
        { kind: 'usage', amount_ucr: '-4' },
        { kind: 'expiry', amount_ucr: '-6' },
      ]);
      expect(await account(user)).toMatchObject({ balance: 0n, held: 0n });
    });

    it('refuses a cost that is not the sum of its attempts, and a void that charges', async () => {
      const user = await userWith(10n);
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      const charged = { ...ending(held, 'voided'), attempts: [attempt(1n)] };
      await expect(money.holds.settle([charged], NOW)).rejects.toThrow(/not the sum of its attempts/);
      expect(await account(user)).toMatchObject({ held: 5n, pending: 1 });
    });
  });

  describe('idempotency keys', () => {
    const claim = (body: string): { route: string; key: string; requestHash: Buffer } => ({
      route: 'POST /v1/chat/completions',
      key: 'my key',
      requestHash: Buffer.from(body),
    });

    it('are claimed with the hold, answered while in flight, replayed when done, and refused with another body', async () => {
      const user = await userWith(100n);
      const first = member(user, 5n, { idempotency: claim('a') });
      const outcome = async (body: string): Promise<unknown> => {
        const [result] = await money.holds.reserve([member(user, 5n, { idempotency: claim(body) })], NOW);
        return [result?.outcome, result?.claimedBy];
      };
      expect((await money.holds.reserve([first], NOW))[0]?.outcome).toBe('held');
      expect(await outcome('a')).toEqual(['in_progress', first.id]);
      expect(await outcome('b')).toEqual(['conflict', first.id]);
      const answer = { status: 200, headers: { 'x-credits-charged': '1' }, bodySealed: Buffer.from('sealed') };
      await money.holds.settle([{ ...settlement(first, 1n), idempotency: { ...claim('a'), answer } }], NOW);
      expect(await outcome('a')).toEqual(['replay', first.id]);
    });

    it('are free again after a refusal and after a void', async () => {
      const user = await userWith(10n);
      const attemptWith = async (amount: bigint): Promise<ReturnType<typeof member>> => {
        const held = member(user, amount, { idempotency: claim('a') });
        const [result] = await money.holds.reserve([held], NOW);
        expect(result?.outcome).toBe(amount > 10n ? 'insufficient' : 'held');
        return held;
      };
      await attemptWith(11n);
      const held = await attemptWith(5n);
      await money.holds.settle([ending(held, 'voided')], NOW);
      await attemptWith(6n);
    });
  });
});
