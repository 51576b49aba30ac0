import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { etagOfSubscription } from '../../src/subscription/subscription-lifecycle.service.js';
import { member, MoneyDatabase, settlement, type TestUser } from '../credits/money-database.js';
import type { MoneyServices } from '../credits/money-services.js';
import { at, CREDIT, end } from './calendar.js';
import { SubscriptionLife } from './subscription-life.js';

describe('the life of a subscription', () => {
  const life = new SubscriptionLife();
  const { because, subscriber, live, credits } = life;
  let money: MoneyDatabase;
  let services: MoneyServices;

  beforeAll(async () => {
    ({ money, services } = await life.open({ pro: 14 }));
    await money.query('update plans set grace_days = 7 where tier = ?', ['pro']);
  });
  afterAll(life.close);
  afterEach(life.expectBalancedBooks);

  const outcome = async (user: TestUser, now: Date): Promise<string | undefined> =>
    (await money.holds.reserve([member(user, CREDIT, { expiresAt: new Date(now.getTime() + 1) })], now))[0]?.outcome;

  it('goes on to the end of a cancelled period, then free from that moment on', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.cancel(id, because('asked by mail'), at(3));
    expect(await credits(user, at(20))).toBe(2_000n);
    const after = await live(user, at(45));
    expect(after).toMatchObject({
      tier: 'free',
      billingAnchorAt: end(0),
      currentPeriodEnd: billingPeriod(end(0), 0).end,
    });
    expect(await credits(user, at(45))).toBe(100n);
    const [row] = await money.query('select status from subscriptions where id = ?', [id]);
    expect(row).toEqual({ status: 'cancelled' });
    const closes = await money.query('select carried_ucr, forfeited_ucr from period_closes where subscription_id = ?', [
      id,
    ]);
    expect(closes).toEqual([{ carried_ucr: '0', forfeited_ucr: String(2_000n * CREDIT) }]);
  });

  it('is renewed after a cancellation was taken back', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.cancel(id, because('asked'), at(3));
    await services.lifecycle.resume(id, because('asked again'), at(4));
    expect(await live(user, at(45))).toMatchObject({ id, tier: 'pro', periodIndex: 1 });
    expect(await credits(user, at(45))).toBe(3_000n);
  });

  it('ends at once where an operator says so, and keeps what was bought and carried', async () => {
    const { user, id } = await subscriber();
    await money.addGrant(user, { source: 'purchase', amountUcr: 7n * CREDIT });
    await live(user, end(0));
    await services.lifecycle.end(id, because('fraud'), end(0));
    expect(await live(user, end(0))).toMatchObject({ tier: 'free', billingAnchorAt: end(0) });
    expect(await credits(user, end(0))).toBe(1_000n + 7n + 100n);
  });

  it('lets nothing pass while suspended, settles what is open, and skips the allowances of that time', async () => {
    const { user, id } = await subscriber();
    const open = member(user, 10n * CREDIT, { expiresAt: at(90) });
    await money.holds.reserve([open], at(1));
    await services.lifecycle.suspend(id, because('abuse report'), at(2));
    expect(await outcome(user, at(2))).toBe('subscription_inactive');
    expect(await money.holds.settle([settlement(open, 4n * CREDIT, at(1))], at(2))).toMatchObject([
      { state: 'settled' },
    ]);
    // Two boundaries pass: nothing closes, nothing is granted, nothing is forfeited.
    expect(await services.periods.closeDue(user.id, at(70))).toEqual([]);
    const back = await services.lifecycle.reinstate(id, because('cleared'), at(70));
    expect(back).toMatchObject({ status: 'active', periodIndex: 2, currentPeriodEnd: end(2) });
    expect(await credits(user, at(70))).toBe(1_000n);
    expect(await outcome(user, at(70))).toBe('held');
    expect(await live(user, end(2))).toMatchObject({ periodIndex: 3 });
    const periods = await money.query<{ period_index: number }>(
      `select period_index from credits where user_id = ? and source = 'subscription' order by 1`,
      [user.id],
    );
    expect(periods.map((row) => row.period_index)).toEqual([0, 3]);
  });

  it('reinstated within its period simply goes on', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.suspend(id, because('mistake'), at(2));
    await services.lifecycle.reinstate(id, because('sorry'), at(3));
    expect(await credits(user, at(3))).toBe(2_000n);
    expect(await live(user, end(0))).toMatchObject({ periodIndex: 1 });
  });

  it('past due goes on through the grace with what is left; paid, it gets the deferred allowance under its own key', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.markPastDue(id, because('card declined'), at(27));
    // The period ends on day 30, the grace on day 34.
    expect(await credits(user, at(32))).toBe(2_000n);
    expect(await outcome(user, at(32))).toBe('held');
    expect(await services.periods.closeDue(user.id, at(32))).toEqual([]);
    await services.lifecycle.recover(id, because('paid'), at(33));
    expect(await live(user, at(33))).toMatchObject({ id, periodIndex: 1, graceEndsAt: null, currentPeriodEnd: end(1) });
    const keys = await money.query<{ grant_key: string }>('select grant_key from credits where user_id = ?', [user.id]);
    expect(keys.map((row) => row.grant_key).sort()).toEqual([
      `allowance:${id}:0`,
      `allowance:${id}:1`,
      `rollover:${id}:0`,
    ]);
  });

  it('past due and unpaid ends with the grace, free from then on', async () => {
    const { user, id } = await subscriber();
    await services.lifecycle.markPastDue(id, because('card declined'), at(27));
    expect(await live(user, at(40))).toMatchObject({ tier: 'free', billingAnchorAt: at(34) });
    const [row] = await money.query('select status from subscriptions where id = ?', [id]);
    expect(row).toEqual({ status: 'expired' });
  });

  it('in trial ends with it, unless it was converted or extended', async () => {
    const ended = await subscriber('pro', true);
    const converted = await subscriber('pro', true);
    const extended = await subscriber('pro', true);
    await services.lifecycle.convertTrial(converted.id, because('paid'), at(10));
    await services.lifecycle.extend(extended.id, { ...because('asked'), until: at(20) }, at(10));
    await expect(
      services.lifecycle.extend(extended.id, { ...because('asked'), until: at(19) }, at(10)),
    ).rejects.toThrow('must be later');
    expect(await live(ended.user, at(15))).toMatchObject({ tier: 'free', billingAnchorAt: at(14) });
    expect(await live(converted.user, at(15))).toMatchObject({ tier: 'pro', trialEndsAt: null });
    expect(await live(extended.user, at(15))).toMatchObject({ tier: 'pro' });
    expect(await live(extended.user, at(21))).toMatchObject({ tier: 'free', billingAnchorAt: at(20) });
  });

  it('changes upwards at once with the difference for the rest of the period', async () => {
    const { user, id } = await subscriber();
    const preview = await services.changes.preview(user.id, 'pro_max', undefined, at(15));
    expect(preview).toMatchObject({
      creditsUcr: 4_000n * CREDIT,
      effectiveAt: at(15),
      carriedUcr: 5_000n * CREDIT,
      forfeitedUcr: 1_000n * CREDIT,
    });
    await services.changes.change(id, { ...because('bought'), tier: 'pro_max' }, at(15));
    expect(await credits(user, at(15))).toBe(6_000n);
    const closed = await services.periods.closeDue(user.id, end(0));
    expect(closed).toMatchObject([{ carriedUcr: preview.carriedUcr, forfeitedUcr: preview.forfeitedUcr }]);
    expect(await live(user, end(0))).toMatchObject({ id, tier: 'pro_max', currentPeriodEnd: end(1) });
  });

  it('changes downwards with the next period; a later change replaces the first, the present tier takes it back', async () => {
    const { user, id } = await subscriber('pro_max');
    await services.changes.change(id, { ...because('asked'), tier: 'free' }, at(5));
    await services.changes.change(id, { ...because('asked'), tier: 'pro' }, at(6));
    expect(await live(user, at(7))).toMatchObject({ tier: 'pro_max', scheduledTier: 'pro' });
    const preview = await services.changes.preview(user.id, 'pro', undefined, at(7));
    expect(preview).toMatchObject({
      creditsUcr: 0n,
      effectiveAt: end(0),
      carriedUcr: 1_000n * CREDIT,
      nextAllowanceUcr: 2_000n * CREDIT,
    });
    expect(await live(user, end(0))).toMatchObject({ id, tier: 'pro', scheduledTier: null });
    expect(await credits(user, end(0))).toBe(3_000n);
    expect(
      await money.query(
        'select to_tier, state from subscription_changes where subscription_id = ? order by created_at',
        [id],
      ),
    ).toEqual([
      { to_tier: 'free', state: 'replaced' },
      { to_tier: 'pro', state: 'applied' },
    ]);
    await services.changes.change(id, { ...because('asked'), tier: 'free' }, end(0));
    await services.changes.change(id, { ...because('stay'), tier: 'pro' }, end(0));
    expect(await live(user, end(1))).toMatchObject({ tier: 'pro' });
  });

  it('up and down again at once leaves no more than before, and takes nothing that is used', async () => {
    const { user, id } = await subscriber();
    const before = (await services.credits.balance(user.id, at(11))).availableUcr;
    await services.changes.change(id, { ...because('bought'), tier: 'enterprise' }, at(11));
    await services.changes.change(id, { ...because('regretted'), tier: 'pro', when: 'now' }, at(11));
    const after = (await services.credits.balance(user.id, at(11))).availableUcr;
    expect(after <= before && after >= before - 1n).toBe(true);

    await services.changes.change(id, { ...because('bought'), tier: 'pro_max' }, at(12));
    const free = (await services.credits.balance(user.id, at(12))).availableUcr;
    const open = member(user, free - 5n, { expiresAt: at(90), boundTokens: 1 });
    await money.holds.reserve([open], at(12));
    await services.changes.change(id, { ...because('regretted'), tier: 'pro', when: 'now' }, at(12));
    expect((await services.credits.balance(user.id, at(12))).availableUcr).toBe(0n);
    await money.holds.settle([settlement(open, 2_000n * CREDIT, at(12))], at(12));
  });

  it('refuses what does not fit its state, and a change made from an older one', async () => {
    const { user, id } = await subscriber();
    await expect(services.lifecycle.resume(id, because('x'), at(1))).rejects.toMatchObject({
      code: 'subscription_state',
    });
    await expect(services.changes.change(id, { ...because('x'), tier: 'pro' }, at(1))).rejects.toThrow(
      'on plan pro already',
    );
    await expect(services.changes.preview(user.id, 'pro', undefined, at(1))).rejects.toThrow('on plan pro already');
    const seen = etagOfSubscription(await services.lifecycle.standing(id));
    await services.lifecycle.cancel(id, { ...because('x'), ifMatch: seen }, at(1));
    await expect(services.lifecycle.resume(id, { ...because('x'), ifMatch: seen }, at(1))).rejects.toMatchObject({
      code: 'stale_etag',
    });
    expect(await live(user, at(1))).toMatchObject({ cancelAtPeriodEnd: true });
  });

  it('writes down every transition with its actor and reason', async () => {
    const { id } = await subscriber();
    await services.lifecycle.suspend(id, because('abuse report'), at(1));
    await services.lifecycle.reinstate(id, because('cleared'), at(2));
    await services.changes.change(id, { ...because('bought'), tier: 'pro_max' }, at(3));
    const events = await money.query(
      'select reason, actor_id, from_status, to_status, to_tier from subscription_events where subscription_id = ? order by created_at',
      [id],
    );
    expect(events).toEqual([
      { reason: 'test', actor_id: life.operator.id, from_status: null, to_status: 'active', to_tier: 'pro' },
      {
        reason: 'abuse report',
        actor_id: life.operator.id,
        from_status: 'active',
        to_status: 'suspended',
        to_tier: 'pro',
      },
      { reason: 'cleared', actor_id: life.operator.id, from_status: 'suspended', to_status: 'active', to_tier: 'pro' },
      { reason: 'bought', actor_id: life.operator.id, from_status: 'active', to_status: 'active', to_tier: 'pro_max' },
    ]);
  });

  it('decides one of twenty cancellations that come at once, and refuses the others', async () => {
    const { id } = await subscriber();
    const asked = await Promise.allSettled(
      Array.from({ length: 20 }, () => services.lifecycle.cancel(id, because('asked'), at(1))),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
