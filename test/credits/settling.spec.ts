import { newId } from '../../src/common/ids.js';
import type { ReserveMember } from '../../src/credits/hold.repository.js';
import { seedPlans } from '../../seeders/plans.seeder.js';
import { attempt, ending, member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);

describe('ending a hold', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  describe('settling', () => {
    it('charges a request whose parameters hold what the database cannot store', async () => {
      const user = await money.userWith(100n);
      const held = member(user, 10n);
      await money.holds.reserve([held], NOW);
      const sent = { stop: ['a\0b', '\ud83d', 'C:\\u0000'], logit_bias: { '\0': 1 } };
      const metadata = { parameters: { sent, applied: [] } };
      const charged = { ...attempt(4n), metadata, providerRequestId: 'up\0stream' };
      const [result] = await money.holds.settle([{ ...settlement(held, 4n), attempts: [charged] }], NOW);
      expect(result).toMatchObject({ outcome: 'done', costUcr: 4n });
      const [row] = await money.query(
        'select metadata, provider_request_id from token_usage_ledger where hold_id = ?',
        [held.id],
      );
      expect(row).toEqual({
        provider_request_id: 'up\uFFFDstream',
        metadata: {
          parameters: { sent: { stop: ['a\uFFFDb', '\uFFFD', 'C:\\u0000'], logit_bias: { '\uFFFD': 1 } }, applied: [] },
        },
      });
    });

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
      const user = await money.userWith(100n);
      const held = member(user, 50n);
      await money.holds.reserve([held], NOW);
      await money.holds.settle([settlement(held, 20n)], NOW);
      const [again] = await money.holds.settle([settlement(held, 33n)], later(1_000));
      const [voided] = await money.holds.settle([ending(held, 'voided')], later(1_000));
      expect(again).toMatchObject({ outcome: 'repeat', state: 'settled', costUcr: 20n, availableUcr: 80n });
      expect(voided).toMatchObject({ outcome: 'repeat', state: 'settled', costUcr: 20n });
    });

    it('takes cost beyond the hold from other active grants, then makes debt, and refuses new holds until it is repaid', async () => {
      const user = await money.userWith(10n, 5n);
      const held = member(user, 10n);
      await money.holds.reserve([held], NOW);
      const [result] = await money.holds.settle([settlement(held, 18n)], NOW);
      expect(result).toMatchObject({ costUcr: 18n, newDebtUcr: 3n, availableUcr: -3n });
      expect(await money.account(user)).toEqual({ balance: 0n, held: 0n, debt: 3n, pending: 0 });
      const [refused] = await money.holds.reserve([member(user, 1n)], NOW);
      expect(refused).toMatchObject({ outcome: 'debt_outstanding', debtUcr: 3n });
      expect((await money.holds.reserve([member(user, 0n)], NOW))[0]?.outcome).toBe('held');
    });

    it('repays an open debt with what another hold gives back, so that the user is served again at once', async () => {
      const user = await money.userWith(20n);
      const unused = member(user, 15n);
      const over = member(user, 5n);
      await money.holds.reserve([unused, over], NOW);
      await money.holds.settle([settlement(over, 12n)], NOW);
      expect(await money.account(user)).toMatchObject({ balance: 15n, held: 15n, debt: 7n });

      await money.holds.settle([ending(unused, 'voided')], NOW);
      expect(await money.account(user)).toEqual({ balance: 8n, held: 0n, debt: 0n, pending: 0 });
      const lines = await money.query('select kind, amount_ucr from credit_postings where user_id = ? and kind = ?', [
        user.id,
        'debt_repayment',
      ]);
      expect(lines).toEqual([{ kind: 'debt_repayment', amount_ucr: '-7' }]);
      const [next] = await money.holds.reserve([member(user, 8n)], NOW);
      expect(next?.outcome).toBe('held');
    });

    it('never turns into debt what a neighbour in the same batch gives back', async () => {
      const user = await money.userWith(20n);
      const [over, under] = [member(user, 10n), member(user, 10n)];
      await money.holds.reserve([over, under], NOW);
      const [first] = await money.holds.settle([settlement(over, 15n), settlement(under, 2n)], NOW);
      expect(first).toMatchObject({ newDebtUcr: 0n, availableUcr: 3n });
    });

    it('settles a hold past its time that nobody swept as usual', async () => {
      const user = await money.userWith(10n);
      const held = member(user, 10n, { expiresAt: later(1) });
      await money.holds.reserve([held], NOW);
      expect((await money.holds.settle([settlement(held, 4n)], later(5_000)))[0]).toMatchObject({
        state: 'settled',
        availableUcr: 6n,
      });
    });

    it('charges late when the hold has expired meanwhile, once', async () => {
      const user = await money.userWith(10n);
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
      const user = await money.userWith(10n);
      const lost = member(user, 8n);
      const [result] = await money.holds.settle([settlement(lost, 6n)], NOW);
      expect(result).toMatchObject({ outcome: 'done', state: 'settled_late', costUcr: 6n, availableUcr: 4n });
      const [row] = await money.query('select amount_ucr, slices, model_id from credit_holds where id = ?', [lost.id]);
      expect(row).toMatchObject({ amount_ucr: '8', slices: [], model_id: lost.modelId });
    });

    it('knows no hold of another user and none that never was', async () => {
      const user = await money.userWith(10n);
      const other = await money.userWith(10n);
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      const [foreign] = await money.holds.settle([{ ...ending(held, 'voided'), userId: other.id }], NOW);
      const [never] = await money.holds.settle([ending(member(user, 1n), 'voided')], NOW);
      expect([foreign?.outcome, never?.outcome]).toEqual(['unknown', 'unknown']);
      expect(await money.account(user)).toMatchObject({ held: 5n });
    });

    // Each of these was planted once and seen failing: calls of those who are not charged, answers of all taken for done, a debt that is not told.
    it('answers each member of a mixed batch as if it were alone, and writes the calls of those it charges', async () => {
      const [one, two, poor] = [await money.userWith(6n, 30n), await money.userWith(20n), await money.userWith(5n)];
      const [sliced, within, late] = [member(one, 10n), member(one, 8n), member(two, 4n, { expiresAt: later(1) })];
      const [over, before] = [member(poor, 5n), member(two, 9n)];
      await money.holds.reserve([sliced, within, late, over, before], NOW);
      await money.holds.settle([ending(late, 'expired'), settlement(before, 2n)], later(1));
      const never = { ...settlement(member(two, 1n), 1n), hold: null };
      const results = await money.holds.settle(
        [sliced, before, within, sliced, late, over]
          .map((held, at) => settlement(held, BigInt(at === 3 ? 7 : 7 + at)))
          .concat(never),
        later(2),
      );
      expect(results.map((r) => [r.outcome, r.state, r.costUcr, r.newDebtUcr, r.availableUcr])).toEqual([
        ['done', 'settled', 7n, 0n, 20n],
        ['repeat', 'settled', 2n, 0n, 7n],
        ['done', 'settled', 9n, 0n, 20n],
        ['repeat', 'settled', 7n, 0n, 20n],
        ['done', 'settled_late', 11n, 0n, 7n],
        ['done', 'settled', 12n, 7n, -7n],
        ['unknown', null, 0n, 0n, 7n],
      ]);
      const calls = await money.query<{ hold_id: string; credits_ucr: string }>(
        'select hold_id, credits_ucr from token_usage_ledger where user_id in (?, ?, ?)',
        [one.id, two.id, poor.id],
      );
      const charged = [before, sliced, within, late, over].map(({ id }, at) => `${id} ${[2, 7, 9, 11, 12][at]}`);
      expect(calls.map((row) => `${row.hold_id} ${row.credits_ucr}`).toSorted()).toEqual(charged.toSorted());
    });

    it('does not expire a hold before its time', async () => {
      const user = await money.userWith(10n);
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      expect((await money.holds.settle([ending(held, 'expired')], NOW))[0]).toMatchObject({
        outcome: 'repeat',
        state: 'pending',
      });
      expect(await money.account(user)).toMatchObject({ held: 5n, pending: 1 });
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
      expect(await money.account(user)).toMatchObject({ balance: 0n, held: 0n });
    });

    it('refuses a cost that is not the sum of its attempts, and a void that charges', async () => {
      const user = await money.userWith(10n);
      const held = member(user, 5n);
      await money.holds.reserve([held], NOW);
      const charged = { ...ending(held, 'voided'), attempts: [attempt(1n)] };
      await expect(money.holds.settle([charged], NOW)).rejects.toThrow(/not the sum of its attempts/);
      expect(await money.account(user)).toMatchObject({ held: 5n, pending: 1 });
    });
  });

  describe('the unused part of a grant whose period is closed', () => {
    async function closedGrant(
      capLeftUcr: bigint,
    ): Promise<{ user: TestUser; held: ReserveMember[]; subscriptionId: string }> {
      const user = await money.newUser();
      const subscriptionId = newId();
      await money.query(
        `insert into subscriptions (id, user_id, tier, status, billing_anchor_at, current_period_start, current_period_end, created_at, updated_at)
         values (?, ?, 'pro', 'cancelled', '2026-04-10T12:00:30Z', '2026-04-10T12:00:30Z', ?, ?, ?)`,
        [subscriptionId, user.id, NOW, NOW, NOW],
      );
      await money.addGrant(user, { amountUcr: 20n, source: 'subscription', subscriptionId, periodIndex: 0 });
      const held = [member(user, 10n), member(user, 10n)];
      await money.holds.reserve(held, NOW);
      await money.query('update credits set closed_at = ? where user_id = ?', [NOW, user.id]);
      await money.query(
        `insert into period_closes (user_id, subscription_id, period_index, left_ucr, carried_ucr, cap_left_ucr, forfeited_ucr, closed_at,
           created_at, updated_at) values (?, ?, 0, 0, 0, ?, 0, ?, ?, ?)`,
        [user.id, subscriptionId, capLeftUcr, NOW, NOW, NOW],
      );
      return { user, held, subscriptionId };
    }

    it('joins the period’s rollover grant up to the cap that is left; the rest is forfeited', async () => {
      const { user, held, subscriptionId } = await closedGrant(5n);
      const [result] = await money.holds.settle(
        held.map((hold) => settlement(hold, 2n)),
        NOW,
      );
      expect(result).toMatchObject({ costUcr: 2n, availableUcr: 5n });
      const [close] = await money.query(
        'select carried_ucr, cap_left_ucr, forfeited_ucr from period_closes where user_id = ?',
        [user.id],
      );
      expect(close).toEqual({ carried_ucr: '5', cap_left_ucr: '0', forfeited_ucr: '11' });
      const [rollover] = await money.query(
        'select source, total_ucr, priority, expires_at from credits where grant_key = ?',
        [`rollover:${subscriptionId}:0`],
      );
      expect(rollover).toMatchObject({ source: 'rollover', total_ucr: '5', priority: 20 });
      expect(new Date(String(rollover?.['expires_at']))).toEqual(new Date('2026-06-10T12:00:30Z'));
    });

    /** Fails when cost beyond the holds is charged before what closed grants give back. */
    it('pays a neighbour’s over-settlement in the same batch before that becomes debt', async () => {
      const { held } = await closedGrant(100n);
      const [over, under] = held;
      if (!over || !under) throw new Error('two holds are needed');
      const [first] = await money.holds.settle([settlement(over, 15n), settlement(under, 2n)], NOW);
      expect(first).toMatchObject({ newDebtUcr: 0n, availableUcr: 3n });
    });

    it('is forfeited whole when the subscription ended without a close', async () => {
      const { user, held } = await closedGrant(100n);
      await money.query('delete from period_closes where user_id = ?', [user.id]);
      await money.holds.settle(
        held.map((hold) => ending(hold, 'voided')),
        NOW,
      );
      expect(await money.account(user)).toMatchObject({ balance: 0n, held: 0n });
    });
  });

  describe('idempotency keys', () => {
    const claim = (body: string): { route: string; key: string; requestHash: Buffer } => ({
      route: 'POST /v1/chat/completions',
      key: 'my key',
      requestHash: Buffer.from(body),
    });

    it('are claimed with the hold, answered while in flight, replayed when done, and refused with another body', async () => {
      const user = await money.userWith(100n);
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
      const user = await money.userWith(10n);
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
