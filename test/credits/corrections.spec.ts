import { newId } from '../../src/common/ids.js';
import type { ReserveMember } from '../../src/credits/hold.repository.js';
import {
  addSubscription,
  correctionOf,
  lineOf,
  linesOf,
  ledgerServices,
  type LedgerServices,
} from './ledger-services.js';
import { member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';

const later = (ms: number): Date => new Date(NOW.getTime() + ms);
const PERIOD = { start: new Date('2026-04-20T00:00:00.000Z'), end: new Date('2026-05-20T00:00:00.000Z') };

/** What an operator can put right. Each test names the removal that it catches, where there is one. */
describe('corrections by operators', () => {
  let money: MoneyDatabase;
  let ledger: LedgerServices['ledger'];

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    ledger = ledgerServices(money.orm).ledger;
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  async function spend(user: TestUser, amountUcr: bigint, costUcr = amountUcr): Promise<ReserveMember> {
    const held = member(user, amountUcr);
    await money.holds.reserve([held], NOW);
    await money.holds.settle([settlement(held, costUcr)], NOW);
    return held;
  }

  async function grantOf(user: TestUser, id: string): Promise<Record<string, unknown>> {
    const [row] = await money.query(
      'select total_ucr, used_ucr, expired_ucr, remaining_ucr, held_ucr, closed_at is not null as is_closed from credits where user_id = ? and id = ?',
      [user.id, id],
    );
    return row ?? {};
  }

  describe('an adjustment', () => {
    it('adds to a grant, takes free credits from it, and says who and why', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      const { postings } = await ledger.adjust(correctionOf(user), { grantId, amountUcr: 5n }, NOW);
      expect(postings).toMatchObject([
        { kind: 'adjustment', amountUcr: 5n, creditId: grantId, actorId: user.id, reason: 'a test' },
      ]);
      await ledger.adjust(correctionOf(user), { grantId, amountUcr: -15n }, NOW);
      expect(await grantOf(user, grantId)).toMatchObject({
        total_ucr: '15',
        expired_ucr: '15',
        remaining_ucr: '0',
        is_closed: true,
      });
      expect(await money.account(user)).toMatchObject({ balance: 0n });
    });

    /** Fails when `closed_at` alone decides whether a grant is over. */
    it('reopens a grant that is exhausted but not over, so that it is spent again', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n, expiresAt: later(60_000) });
      await spend(user, 10n);
      expect(await grantOf(user, grantId)).toMatchObject({ is_closed: true });
      await ledger.adjust(correctionOf(user), { grantId, amountUcr: 4n }, NOW);
      expect(await grantOf(user, grantId)).toMatchObject({ remaining_ucr: '4', is_closed: false });
      expect((await money.holds.reserve([member(user, 4n)], NOW))[0]?.outcome).toBe('held');
    });

    it('is refused on a grant that has expired, from the instant of its expiry on', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n, expiresAt: later(1) });
      await ledger.adjust(correctionOf(user), { grantId, amountUcr: 1n }, NOW);
      for (const amountUcr of [1n, -1n]) {
        await expect(ledger.adjust(correctionOf(user), { grantId, amountUcr }, later(1))).rejects.toMatchObject({
          code: 'grant_ended',
          details: { grantId, endedAt: later(1).toISOString() },
        });
      }
    });

    /** Fails when the close of a period or the end of a subscription does not count as the end of its grants. */
    it('is refused on the allowance of a closed period and of an ended subscription, not on an exhausted one that runs', async () => {
      const user = await money.newUser();
      const subscriptionId = await addSubscription(money, user, PERIOD);
      const spec = { amountUcr: 10n, source: 'subscription' as const, subscriptionId, expiresAt: PERIOD.end };
      const running = await money.addGrant(user, { ...spec, periodIndex: 1 });
      await spend(user, 10n);
      await ledger.adjust(correctionOf(user), { grantId: running, amountUcr: 1n }, NOW);
      const closed = await money.addGrant(user, { ...spec, periodIndex: 0, amountUcr: 1n });
      await ledger.adjust(correctionOf(user), { grantId: closed, amountUcr: -1n }, NOW);
      await money.query(
        `insert into period_closes (user_id, subscription_id, period_index, left_ucr, carried_ucr, cap_left_ucr, forfeited_ucr, closed_at,
           created_at, updated_at) values (?, ?, 0, 0, 0, 0, 0, ?, ?, ?)`,
        [user.id, subscriptionId, NOW, NOW, NOW],
      );
      const adjust = (grantId: string): Promise<unknown> =>
        ledger.adjust(correctionOf(user), { grantId, amountUcr: 1n }, NOW);
      await expect(adjust(closed)).rejects.toMatchObject({ code: 'grant_ended' });
      await money.query(`update subscriptions set status = 'cancelled' where id = ?`, [subscriptionId]);
      await expect(adjust(running)).rejects.toMatchObject({ code: 'grant_ended' });
    });

    /** Fails when what is held counts as free. */
    it('takes at most what is free: what a request under way holds stays', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      await money.holds.reserve([member(user, 7n)], NOW);
      const take = (amountUcr: bigint): Promise<unknown> =>
        ledger.adjust(correctionOf(user), { grantId, amountUcr }, NOW);
      await expect(take(-4n)).rejects.toMatchObject({
        code: 'credits_not_free',
        details: { free: '0.000003', held: '0.000007' },
        errors: [{ field: 'amount', message: expect.stringContaining('0.000003') }],
      });
      await take(-3n);
      expect(await grantOf(user, grantId)).toMatchObject({ remaining_ucr: '7', held_ucr: '7', is_closed: false });
    });

    /** Fails when an adjustment leaves an open debt beside free credits. */
    it('repays an open debt first', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      await spend(user, 10n, 16n);
      const corrected = await ledger.adjust(correctionOf(user), { grantId, amountUcr: 4n }, NOW);
      expect(corrected).toMatchObject({ debtRepaidUcr: 4n, debtUcr: 2n });
      expect(await grantOf(user, grantId)).toMatchObject({ is_closed: true });
      expect(await ledger.adjust(correctionOf(user), { grantId, amountUcr: 5n }, NOW)).toMatchObject({
        debtRepaidUcr: 2n,
        debtUcr: 0n,
      });
      expect(await money.account(user)).toMatchObject({ balance: 3n, debt: 0n });
    });

    it('is refused for an unknown user, an unknown grant, and the grant of another', async () => {
      const user = await money.userWith(10n);
      const other = await money.newUser();
      const foreign = await money.addGrant(other, { amountUcr: 10n });
      for (const grantId of [newId(), foreign]) {
        await expect(ledger.adjust(correctionOf(user), { grantId, amountUcr: 1n }, NOW)).rejects.toMatchObject({
          code: 'not_found',
        });
      }
      const nobody = { ...correctionOf(user), userId: newId() };
      await expect(ledger.adjust(nobody, { grantId: foreign, amountUcr: 1n }, NOW)).rejects.toMatchObject({
        code: 'user_not_found',
      });
    });
  });

  describe('a reversal', () => {
    it('gives usage back to its own grant, as a refund that names the request', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      const held = await spend(user, 10n);
      const usage = await lineOf(money, user, 'usage');
      const { postings } = await ledger.reverse(correctionOf(user), usage.id, NOW);
      expect(postings).toMatchObject([
        { kind: 'refund', amountUcr: 10n, creditId: grantId, holdId: held.id, reverses: usage.id },
      ]);
      expect(await grantOf(user, grantId)).toMatchObject({ used_ucr: '0', remaining_ucr: '10', is_closed: false });
      expect((await lineOf(money, user, 'usage')).reversedBy).toBe(postings[0]?.id);
    });

    it('takes a debt back while it is owed', async () => {
      const user = await money.userWith(10n);
      await spend(user, 10n, 16n);
      const debt = await lineOf(money, user, 'debt');
      const { postings, debtUcr } = await ledger.reverse(correctionOf(user), debt.id, NOW);
      expect(postings).toMatchObject([{ kind: 'refund', amountUcr: -6n, creditId: null }]);
      expect(debtUcr).toBe(0n);
      expect(await money.account(user)).toMatchObject({ debt: 0n, balance: 0n });
    });

    /** Fails when the debt that is left is not looked at: then it would become negative. */
    it('of a debt that was repaid in part is refused, naming what is left', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      await spend(user, 10n, 16n);
      await ledger.adjust(correctionOf(user), { grantId, amountUcr: 1n }, NOW);
      const debt = await lineOf(money, user, 'debt');
      await expect(ledger.reverse(correctionOf(user), debt.id, NOW)).rejects.toMatchObject({
        code: 'debt_repaid',
        details: { debt: '0.000005' },
      });
    });

    it('repays another open debt with what it gives back', async () => {
      const user = await money.userWith(10n);
      await spend(user, 10n, 16n);
      const usage = await lineOf(money, user, 'usage');
      expect(await ledger.reverse(correctionOf(user), usage.id, NOW)).toMatchObject({ debtRepaidUcr: 6n, debtUcr: 0n });
      expect(await money.account(user)).toMatchObject({ balance: 4n, debt: 0n });
    });

    it('takes a grant back while all of it is free', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      const grant = await lineOf(money, user, 'grant');
      const held = member(user, 1n);
      await money.holds.reserve([held], NOW);
      await expect(ledger.reverse(correctionOf(user), grant.id, NOW)).rejects.toMatchObject({
        code: 'credits_not_free',
      });
      await money.holds.settle([settlement(held, 0n)], NOW);
      const { postings } = await ledger.reverse(correctionOf(user), grant.id, NOW);
      expect(postings).toMatchObject([{ kind: 'adjustment', amountUcr: -10n, reverses: grant.id }]);
      expect(await grantOf(user, grantId)).toMatchObject({ remaining_ucr: '0', expired_ucr: '10', is_closed: true });
    });

    it('of an adjustment is its opposite, in both directions', async () => {
      const user = await money.newUser();
      const grantId = await money.addGrant(user, { amountUcr: 10n });
      for (const amountUcr of [5n, -5n]) {
        const { postings } = await ledger.adjust(correctionOf(user), { grantId, amountUcr }, NOW);
        const reversal = await ledger.reverse(correctionOf(user), postings[0]?.id ?? '', NOW);
        expect(reversal.postings).toMatchObject([{ kind: 'adjustment', amountUcr: -amountUcr }]);
      }
      expect(await grantOf(user, grantId)).toMatchObject({ remaining_ucr: '10' });
    });

    it('is refused where its grant has ended, and for what is no charge and no gift', async () => {
      const user = await money.newUser();
      await money.addGrant(user, { amountUcr: 10n, expiresAt: later(10) });
      await spend(user, 4n);
      const usage = await lineOf(money, user, 'usage');
      await expect(ledger.reverse(correctionOf(user), usage.id, later(10))).rejects.toMatchObject({
        code: 'grant_ended',
      });
      await ledgerServices(money.orm).expiry.expireGrants(later(10));
      const expiry = await lineOf(money, user, 'expiry');
      await expect(ledger.reverse(correctionOf(user), expiry.id, NOW)).rejects.toMatchObject({
        code: 'posting_not_reversible',
      });
    });

    it('is not itself reversed, and names the line that came before it', async () => {
      const user = await money.userWith(10n);
      const grant = await lineOf(money, user, 'grant');
      const { postings } = await ledger.reverse(correctionOf(user), grant.id, NOW);
      const reversalId = postings[0]?.id ?? '';
      await expect(ledger.reverse(correctionOf(user), reversalId, NOW)).rejects.toMatchObject({
        code: 'posting_not_reversible',
      });
      await expect(ledger.reverse(correctionOf(user), grant.id, NOW)).rejects.toMatchObject({
        code: 'posting_reversed',
        details: { reversalId },
      });
    });

    it('is refused for an unknown posting and for another’s', async () => {
      const user = await money.userWith(10n);
      const other = await money.userWith(10n);
      const foreign = await lineOf(money, other, 'grant');
      for (const id of [newId(), foreign.id]) {
        await expect(ledger.reverse(correctionOf(user), id, NOW)).rejects.toMatchObject({ code: 'not_found' });
      }
    });

    /** Fails when the account's lock is not taken first, or the line is looked up before it. */
    it('happens once however many ask at the same time', async () => {
      const user = await money.userWith(10n, 10n);
      await spend(user, 10n);
      const usage = await lineOf(money, user, 'usage');
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => ledger.reverse(correctionOf(user), usage.id, NOW)),
      );
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(
        results.filter((one) => one.status === 'rejected').map(({ reason }) => (reason as { code: string }).code),
      ).toEqual(Array.from({ length: 19 }, () => 'posting_reversed'));
      expect(await money.account(user)).toMatchObject({ balance: 20n });
    });
  });

  describe('the refund of a request', () => {
    /** Fails when open debt is repaid after each line: what usage gives back would repay the debt, which could then not be taken back. */
    it('takes back all that it cost: what several grants paid, and the debt', async () => {
      const user = await money.userWith(4n, 6n);
      const held = await spend(user, 10n, 13n);
      const { postings, debtUcr } = await ledger.refund(correctionOf(user), held.id, NOW);
      expect(postings.map(({ amountUcr }) => amountUcr)).toEqual(expect.arrayContaining([-3n, 4n, 6n]));
      expect(debtUcr).toBe(0n);
      expect(await money.account(user)).toMatchObject({ balance: 10n, debt: 0n });
    });

    /** Fails when a part is refunded although another part cannot be. */
    it('is all or nothing', async () => {
      const user = await money.newUser();
      await money.addGrant(user, { amountUcr: 4n, expiresAt: later(5) });
      await money.addGrant(user, { amountUcr: 6n });
      const held = await spend(user, 10n);
      const before = await linesOf(money, user);
      await expect(ledger.refund(correctionOf(user), held.id, later(5))).rejects.toMatchObject({ code: 'grant_ended' });
      expect(await linesOf(money, user)).toEqual(before);
      expect(await money.account(user)).toMatchObject({ balance: 0n });
    });

    it('happens once, with parallel ones and reversals of its parts beside it', async () => {
      const user = await money.userWith(4n, 6n);
      const held = await spend(user, 10n);
      const [usage] = await linesOf(money, user, 'usage');
      const results = await Promise.allSettled([
        ...Array.from({ length: 6 }, () => ledger.refund(correctionOf(user), held.id, NOW)),
        ledger.reverse(correctionOf(user), usage?.id ?? '', NOW),
      ]);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await expect(ledger.refund(correctionOf(user), held.id, NOW)).rejects.toMatchObject({ code: 'posting_reversed' });
    });

    it('is refused for a request that cost nothing, runs still, or is another’s', async () => {
      const user = await money.userWith(10n);
      const other = await money.userWith(10n);
      const running = member(user, 1n);
      await money.holds.reserve([running], NOW);
      const free = await spend(user, 1n, 0n);
      const foreign = await spend(other, 1n);
      for (const id of [running.id, free.id, foreign.id, newId()]) {
        await expect(ledger.refund(correctionOf(user), id, NOW)).rejects.toMatchObject({ code: 'not_found' });
      }
    });
  });

  /** Fails without the account's lock: the credits that are being held would be taken too. */
  it('meet holds that are taken and settled at the same time, and never take what is held', async () => {
    const user = await money.newUser();
    const grantId = await money.addGrant(user, { amountUcr: 100n });
    const work = Array.from({ length: 12 }, async (_, index) => {
      const held = member(user, 8n);
      await money.holds.reserve([held], NOW);
      if (index % 3 > 0) await money.holds.settle([settlement(held, BigInt(index))], NOW);
    });
    const corrections = Array.from({ length: 12 }, (_, index) =>
      ledger.adjust(correctionOf(user), { grantId, amountUcr: index % 2 === 0 ? -9n : 3n }, NOW),
    );
    const results = await Promise.allSettled([...work, ...corrections]);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'credits_not_free' });
    }
    const account = await money.account(user);
    expect(account.held).toBeLessThanOrEqual(account.balance);
  });
});
