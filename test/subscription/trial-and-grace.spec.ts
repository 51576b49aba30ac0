import type { LiveSubscription } from '../../src/subscription/subscription.repository.js';
import { ledgerServices, type LedgerServices } from '../credits/ledger-services.js';
import { member, MoneyDatabase, settlement, type TestUser } from '../credits/money-database.js';
import type { MoneyServices } from '../credits/money-services.js';
import { at, CREDIT, end } from './calendar.js';
import { SubscriptionLife } from './subscription-life.js';

describe('a trial and a grace', () => {
  const life = new SubscriptionLife();
  const { because, subscriber, live, credits } = life;
  let money: MoneyDatabase;
  let services: MoneyServices;
  let ledger: LedgerServices;

  beforeAll(async () => {
    ({ money, services } = await life.open({ pro: 14, pro_max: 45 }));
    ledger = ledgerServices(money.orm);
  });
  afterAll(life.close);
  afterEach(life.expectBalancedBooks);

  const pastDue = (id: string, from: number, days: number): Promise<LiveSubscription> =>
    services.lifecycle.markPastDue(id, { ...because('card declined'), days }, at(from));
  const ends = async (user: TestUser, now: Date): Promise<(Date | null | undefined)[]> =>
    (await services.credits.balance(user.id, now)).grants.map(({ expiresAt }) => expiresAt);
  const expiring = async (user: TestUser, now: Date): Promise<(readonly [bigint, Date])[]> =>
    (await services.credits.balance(user.id, now)).expiring.map(
      ({ amountUcr, expiresAt }) => [amountUcr / CREDIT, expiresAt] as const,
    );
  /** The subjects of what the user is sent by a run at that time. */
  async function notices(user: TestUser, now: Date): Promise<unknown[]> {
    const before = ledger.mailer.sent.length;
    await ledger.notices.sendNotices(now);
    const sent = ledger.mailer.sent.slice(before).filter(({ to }) => to.startsWith(user.id));
    return sent.map(({ variables }) => ('subject' in variables ? variables.subject : null));
  }

  it('tells beforehand of the allowance that a trial takes with it', async () => {
    const { user } = await subscriber('pro', true);
    expect(await ends(user, at(8))).toEqual([at(14)]);
    expect(await expiring(user, at(8))).toEqual([[2_000n, at(14)]]);
    expect(await notices(user, at(10.9))).toEqual([]);
    expect(await notices(user, at(12))).toEqual(['2000 of your credits end on 2026-06-15 at 00:00 UTC']);
    expect(await notices(user, at(13.9))).toEqual([]);
    expect(await credits(user, at(14))).toBe(100n);
  });

  it('lets an allowance last as long as its trial does, wherever that end is moved', async () => {
    const { user, id } = await subscriber('pro', true);
    await services.changes.change(id, { ...because('bought'), tier: 'enterprise' }, at(1));
    expect(await ends(user, at(1))).toEqual([at(14), at(14)]);
    await services.changes.change(id, { ...because('regretted'), tier: 'pro', when: 'now' }, at(1));
    await services.lifecycle.extend(id, { ...because('asked'), until: at(20) }, at(2));
    expect(new Set(await ends(user, at(2)))).toEqual(new Set([at(20)]));
    expect(await notices(user, at(18))).toHaveLength(1);
    await services.lifecycle.convertTrial(id, because('paid'), at(19));
    expect(new Set(await ends(user, at(19)))).toEqual(new Set([end(0)]));
    // What was said of day 20 is no longer true: the new end is told as well, and what of it is lost.
    expect(await notices(user, at(28))).toEqual([expect.stringMatching(/^999.* of your credits end on 2026-07-01/)]);
  });

  it('ends the allowance of a trial’s last period with the trial', async () => {
    const { user } = await subscriber('pro_max', true);
    expect(await ends(user, at(1))).toEqual([end(0)]);
    expect(await ends(user, at(31))).toEqual([end(1), at(45)]);
    expect(await expiring(user, at(40))).toEqual([[10_000n, at(45)]]);
  });

  it('tells beforehand of the allowance that an unpaid grace takes with it', async () => {
    const { user, id } = await subscriber();
    await pastDue(id, 5, 7);
    expect(await ends(user, at(6))).toEqual([at(12)]);
    expect(await expiring(user, at(6))).toEqual([[2_000n, at(12)]]);
    expect(await notices(user, at(11))).toEqual(['2000 of your credits end on 2026-06-13 at 00:00 UTC']);
    expect(await credits(user, at(13))).toBe(100n);
  });

  it('paid, gives the allowance back its period', async () => {
    const { user, id } = await subscriber();
    await pastDue(id, 5, 7);
    await services.lifecycle.recover(id, because('paid'), at(6));
    expect(await ends(user, at(6))).toEqual([end(0)]);
    await pastDue(id, 7, 40);
    expect(await ends(user, at(7))).toEqual([at(47)]);
  });

  it('is no trial any longer once it is paid after the trial’s date', async () => {
    const { user, id } = await subscriber('pro', true);
    await pastDue(id, 13, 20);
    expect(await credits(user, at(16))).toBe(2_000n);
    const paid = await services.lifecycle.recover(id, because('paid'), at(16));
    expect(paid).toMatchObject({ status: 'active', tier: 'pro', trialEndsAt: null, graceEndsAt: null });
    expect(await ends(user, at(16))).toEqual([end(0)]);
    expect(await live(user, end(0))).toMatchObject({ id, tier: 'pro', periodIndex: 1 });

    const early = await subscriber('pro', true);
    await pastDue(early.id, 10, 20);
    await services.lifecycle.recover(early.id, because('paid'), at(11));
    expect(await ends(early.user, at(11))).toEqual([at(14)]);
  });

  /** Planted in each of the two: the trial stayed, at its end the free plan expired, and the next one gave its allowance once more. */
  it('is over where the plan becomes the free one', async () => {
    const later = await subscriber('pro', true);
    await services.lifecycle.extend(later.id, { ...because('asked'), until: at(45) }, at(1));
    await services.changes.change(later.id, { ...because('asked'), tier: 'free' }, at(2));
    expect(await live(later.user, end(0))).toMatchObject({ id: later.id, tier: 'free', trialEndsAt: null });
    expect(await live(later.user, at(46))).toMatchObject({ id: later.id, periodIndex: 1 });

    const now = await subscriber('pro', true);
    await services.changes.change(now.id, { ...because('asked'), tier: 'free', when: 'now' }, at(2));
    const left = await credits(now.user, at(3));
    expect(await live(now.user, at(15))).toMatchObject({ id: now.id, tier: 'free', trialEndsAt: null });
    expect(await credits(now.user, at(15))).toBe(left);
  });

  it('does not outlast the period with which the plan was cancelled', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.cancel(id, because('asked'), at(3));
    await pastDue(id, 25, 20);
    expect(await ends(user, at(26))).toEqual([end(0)]);
    expect(await notices(user, at(28))).toHaveLength(1);
    expect(await live(user, at(31))).toMatchObject({ tier: 'free', billingAnchorAt: end(0) });
    expect(await credits(user, at(31))).toBe(100n);
    expect(await services.lifecycle.standing(id)).toMatchObject({ status: 'cancelled' });

    const unpaid = await subscriber();
    await services.lifecycle.cancel(unpaid.id, because('asked'), at(3));
    await pastDue(unpaid.id, 5, 7);
    expect(await live(unpaid.user, at(13))).toMatchObject({ tier: 'free', billingAnchorAt: at(12) });
  });

  it('ends at once where it is cancelled after its period, and lasts again when that is taken back in time', async () => {
    const late = await subscriber();
    await pastDue(late.id, 25, 20);
    expect(await credits(late.user, at(31))).toBe(2_000n);
    expect(await services.lifecycle.cancel(late.id, because('asked'), at(31))).toMatchObject({ status: 'cancelled' });
    expect(await credits(late.user, at(31))).toBe(100n);

    const staying = await subscriber();
    await pastDue(staying.id, 25, 20);
    await services.lifecycle.cancel(staying.id, because('asked'), at(26));
    await services.lifecycle.resume(staying.id, because('asked again'), at(27));
    expect(await ends(staying.user, at(31))).toEqual([at(45)]);
  });

  it('keeps what is refunded to an allowance that had been used up before', async () => {
    const { user, id } = await subscriber();
    const held = member(user, 2_000n * CREDIT, { expiresAt: at(2), boundTokens: 1 });
    await money.holds.reserve([held], at(1));
    await money.holds.settle([settlement(held, 2_000n * CREDIT, at(1))], at(1));
    await pastDue(id, 20, 20);
    await ledger.ledger.refund({ userId: user.id, ...because('unusable') }, held.id, at(25));
    expect(await credits(user, at(25))).toBe(2_000n);
    expect(await credits(user, at(39))).toBe(2_000n);
    expect(await credits(user, at(40))).toBe(100n);
  });
});
