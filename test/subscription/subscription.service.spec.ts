import { newId } from '../../src/common/ids.js';
import { Subscription } from '../../src/subscription/subscription.entity.js';
import { seedPlans } from '../../seeders/plans.seeder.js';
import { member, MoneyDatabase, NOW, settlement } from '../credits/money-database.js';
import { moneyServices, type MoneyServices } from '../credits/money-services.js';
import { until } from '../support/until.js';

const START = { actorId: null, reason: 'test', isTrial: false };

describe('subscriptions', () => {
  let money: MoneyDatabase;
  let services: MoneyServices;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
    services = moneyServices(money.orm, NOW);
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
  });

  it('begin with the free plan, an account and one allowance, however many ask at once', async () => {
    const user = await money.newUser({ hasAccount: false });
    const asked = await Promise.all(
      Array.from({ length: 50 }, () => services.subscriptions.ensureSubscription(user.id, NOW)),
    );
    expect(new Set(asked.map((subscription) => subscription.id)).size).toBe(1);
    const grants = await money.query(
      'select grant_key, total_ucr, period_index, expires_at from credits where user_id = ?',
      [user.id],
    );
    expect(grants).toHaveLength(1);
    expect(grants[0]).toMatchObject({
      grant_key: `allowance:${asked[0]?.id}:0`,
      total_ucr: '100000000',
      period_index: 0,
    });
    const [account] = await money.query<{ next_due_at: string }>(
      'select next_due_at from credit_accounts where user_id = ?',
      [user.id],
    );
    expect(new Date(account?.next_due_at ?? 0).toISOString()).toBe('2026-06-10T12:00:30.000Z');
  });

  // Catches: reading the plan inside the transaction, where every connection waits for one more.
  it('begin for more new users at once than there are connections, with nothing remembered yet', async () => {
    const users = await Promise.all(Array.from({ length: 60 }, () => money.newUser({ hasAccount: false })));
    const fresh = moneyServices(money.orm, NOW);
    const opened = await Promise.all(users.map((user) => fresh.subscriptions.ensureSubscription(user.id, NOW)));
    expect(new Set(opened.map((subscription) => subscription.id)).size).toBe(60);
  });

  it('do not begin before the address is verified', async () => {
    const id = newId();
    await money.query('insert into users (id, email) values (?, ?)', [id, `${id}@example.com`]);
    await expect(services.subscriptions.current(id)).rejects.toMatchObject({ code: 'subscription_inactive' });
    expect(await services.credits.balance(id, NOW)).toMatchObject({ availableUcr: 0n, grants: [] });
    expect(await money.query('select 1 from credit_accounts where user_id = ?', [id])).toEqual([]);
  });

  it('begin when a new user first looks at the balance', async () => {
    const user = await money.newUser({ hasAccount: false });
    const balance = await services.credits.balance(user.id, NOW);
    expect(balance).toMatchObject({
      availableUcr: 100_000_000n,
      balanceUcr: 100_000_000n,
      nextGrantAt: new Date('2026-06-10T12:00:30Z'),
    });
  });

  it('get an account even when an operator’s grant came first', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 7n });
    await services.subscriptions.ensureSubscription(user.id, NOW);
    expect(await services.credits.balance(user.id, NOW)).toMatchObject({ availableUcr: 100_000_007n });
  });

  it('move to another plan at once: the old allowance is forfeited, what is held of it when its hold ends', async () => {
    const user = await money.newUser({ hasAccount: false });
    await services.subscriptions.ensureSubscription(user.id, NOW);
    await money.addGrant(user, { amountUcr: 5n, source: 'purchase' });
    const held = member(user, 40_000_000n);
    await money.holds.reserve([held], NOW);
    const pro = await services.subscriptions.startPlan(user.id, 'pro', START, NOW);
    expect(pro.tier).toBe('pro');
    expect(await services.credits.balance(user.id, NOW)).toMatchObject({
      availableUcr: 2_000_000_005n,
      heldUcr: 40_000_000n,
    });
    const [settled] = await money.holds.settle([settlement(held, 1_000_000n)], NOW);
    expect(settled).toMatchObject({ state: 'settled', costUcr: 1_000_000n, availableUcr: 2_000_000_005n });
    const again = await services.subscriptions.startPlan(user.id, 'pro', START, NOW);
    expect(again.id).toBe(pro.id);
    expect(await money.em.count(Subscription, { userId: user.id })).toBe(2);
  });

  it('open directly on the wanted plan for a user without one', async () => {
    const user = await money.newUser({ hasAccount: false });
    await services.subscriptions.startPlan(user.id, 'enterprise', START, NOW);
    expect(await services.credits.balance(user.id, NOW)).toMatchObject({ availableUcr: 100_000_000_000n });
    expect((await services.subscriptions.current(user.id)).tier).toBe('enterprise');
  });

  /** Once free for ever: who asked first opened it, and the operator was answered 201 and the free plan. */
  it.each([
    ['without an account', false],
    ['with an account', true],
  ])(
    'begin on the plan that was bought, also where the new user asks at the same moment, %s',
    async (_, hasAccount) => {
      const users = await Promise.all(Array.from({ length: 30 }, () => money.newUser({ hasAccount })));
      const other = moneyServices(money.orm, NOW);
      const started = await Promise.all(
        users.flatMap(({ id }) => [
          other.subscriptions.ensureSubscription(id, NOW).then(() => null),
          services.subscriptions.startPlan(id, 'pro', START, NOW).then(({ tier }) => tier),
        ]),
      );
      expect(started.filter((tier) => tier !== null)).toEqual(users.map(() => 'pro'));
      for (const { id } of users) {
        expect(await services.subscriptions.ensureSubscription(id, NOW)).toMatchObject({ tier: 'pro' });
        expect(await services.credits.balance(id, NOW)).toMatchObject({ availableUcr: 2_000_000_000n });
      }
    },
  );

  // Removed once: the look whether there was an account to wait for. The second start closed what the first had closed, and its plan had no end.
  it('end with their period also where two operators start one at the moment of the first request', async () => {
    const user = await money.newUser({ hasAccount: false });
    const { credits, subscriptions } = moneyServices(money.orm, NOW);
    const lockAccount = credits.lockAccount.bind(credits);
    let looked = 0;
    let open = (): void => undefined;
    const isOpen = new Promise<void>((resolve) => (open = resolve));
    credits.lockAccount = async (userId) => {
      const isLocked = await lockAccount(userId);
      looked += 1;
      if (looked <= 2) await isOpen;
      return isLocked;
    };
    const starts = [1, 2].map(() => subscriptions.startPlan(user.id, 'pro', START, NOW));
    await until(() => looked === 2);
    await services.subscriptions.ensureSubscription(user.id, NOW);
    open();
    expect((await Promise.all(starts)).map(({ tier }) => tier)).toEqual(['pro', 'pro']);
    const [account] = await money.query<{ next_due_at: Date | null }>(
      'select next_due_at from credit_accounts where user_id = ?',
      [user.id],
    );
    expect(account?.next_due_at).not.toBeNull();
  });
});

describe('the plan seed', () => {
  it('repeats without touching what an operator changed', async () => {
    const money = await MoneyDatabase.open();
    try {
      await seedPlans(money.em, { now: NOW });
      await money.query(`update plans set requests_per_minute = 99 where tier = 'free'`);
      await seedPlans(money.em, { now: NOW });
      const plans = await money.query(
        'select tier, monthly_credits_ucr, rollover_percent, requests_per_minute, concurrent_requests from plans order by rank',
      );
      expect(plans).toEqual([
        {
          tier: 'free',
          monthly_credits_ucr: '100000000',
          rollover_percent: 0,
          requests_per_minute: 99,
          concurrent_requests: 2,
        },
        {
          tier: 'pro',
          monthly_credits_ucr: '2000000000',
          rollover_percent: 50,
          requests_per_minute: 60,
          concurrent_requests: 8,
        },
        {
          tier: 'pro_max',
          monthly_credits_ucr: '10000000000',
          rollover_percent: 50,
          requests_per_minute: 300,
          concurrent_requests: 32,
        },
        {
          tier: 'enterprise',
          monthly_credits_ucr: '100000000000',
          rollover_percent: 100,
          requests_per_minute: 3000,
          concurrent_requests: 256,
        },
      ]);
    } finally {
      await money.close();
    }
  });
});
