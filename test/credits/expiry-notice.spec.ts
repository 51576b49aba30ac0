import { seedPlans } from '../../seeders/plans.seeder.js';
import { Grant } from '../../src/credits/grant.entity.js';
import { previewRollover } from '../../src/credits/domain/rollover-preview.js';
import { addSubscription, ledgerServices, type LedgerServices } from './ledger-services.js';
import { member, MoneyDatabase, NOW, type TestUser } from './money-database.js';

const DAY_MS = 86_400_000;
const CREDIT = 1_000_000n;
const later = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
/** Ends in two days. */
const PERIOD = { start: new Date('2026-04-12T12:00:30.000Z'), end: later(2) };

describe('the notice before credits expire', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
  });

  afterAll(() => money.close());

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
    await money.query('update credits set expiry_noticed_at = ? where expiry_noticed_at is null', [NOW]);
  });

  async function notices(now = NOW): Promise<LedgerServices['mailer']['sent']> {
    const { notices: service, mailer } = ledgerServices(money.orm);
    await service.sendNotices(now);
    return mailer.sent;
  }

  async function allowance(amountUcr: bigint, over: { status?: string; tier?: string } = {}): Promise<TestUser> {
    const user = await money.newUser();
    const subscriptionId = await addSubscription(money, user, PERIOD, over);
    const spec = { source: 'subscription' as const, subscriptionId, periodIndex: 0, expiresAt: PERIOD.end };
    await money.addGrant(user, { ...spec, amountUcr });
    return user;
  }

  it('says once how much of what ends when, in one mail for all that ends within three days', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: 12_500_000n, expiresAt: later(2) });
    await money.addGrant(user, { amountUcr: 3n * CREDIT, source: 'purchase', expiresAt: later(3) });
    await money.addGrant(user, { amountUcr: 9n * CREDIT, source: 'adjustment', expiresAt: later(4) });
    await money.addGrant(user, { amountUcr: 9n * CREDIT, source: 'adjustment' });
    const sent = await notices();
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      to: `${user.id}@example.com`,
      variables: {
        subject: '15.5 of your credits end on 2026-05-12 at 12:00 UTC',
        text:
          '12.5 credits that were given to you end on 2026-05-12 at 12:00 UTC. ' +
          '3 credits that you bought end on 2026-05-13 at 12:00 UTC. ' +
          'Use them before then: what is not used is lost. All your other credits stay as they are.',
      },
    });
    expect(await notices()).toEqual([]);
    const german = await money.newUser();
    await money.query(`update users set language = 'de' where id = ?`, [german.id]);
    await money.addGrant(german, { amountUcr: 3n * CREDIT, source: 'purchase', expiresAt: later(2) });
    expect(await notices()).toMatchObject([
      {
        language: 'de',
        variables: {
          subject: '3 Ihrer Credits verfallen am 2026-05-12 um 12:00 UTC',
          text: expect.stringContaining('3 Credits aus einem Kauf verfallen am'),
        },
      },
    ]);
    expect(await notices(later(1))).toMatchObject([
      { variables: { subject: '9 of your credits end on 2026-05-14 at 12:00 UTC' } },
    ]);
  });

  it('is not worth a mail below one credit, and does not count what requests under way hold', async () => {
    const user = await money.newUser();
    await money.addGrant(user, { amountUcr: CREDIT - 1n, expiresAt: later(2) });
    await money.addGrant(user, { amountUcr: 5n * CREDIT, expiresAt: later(2), source: 'purchase' });
    await money.holds.reserve([member(user, 5n * CREDIT)], NOW);
    expect(await notices()).toEqual([]);
  });

  it('is not sent to those who are suspended or gone', async () => {
    const suspended = await money.newUser();
    await money.addGrant(suspended, { amountUcr: 5n * CREDIT, expiresAt: later(2) });
    await money.query(`update users set status = 'suspended' where id = ?`, [suspended.id]);
    const gone = await money.newUser();
    await money.addGrant(gone, { amountUcr: 5n * CREDIT, expiresAt: later(2) });
    await money.query('update users set deleted_at = now() where id = ?', [gone.id]);
    expect(await notices()).toEqual([]);
  });

  it('tells of an allowance what its period’s end will forfeit, and nothing where all is carried', async () => {
    // Plan pro: half of the next allowance of 2 000 is carried, at most 1 000.
    const user = await allowance(1_500n * CREDIT);
    await allowance(1_000n * CREDIT);
    const sent = await notices();
    expect(sent).toMatchObject([
      { to: `${user.id}@example.com`, variables: { subject: expect.stringMatching(/^500 of your credits/) } },
    ]);
  });

  it('tells of the whole allowance where the subscription ends, and nothing where it stands still', async () => {
    const leaving = await allowance(700n * CREDIT);
    await money.query('update subscriptions set cancel_at_period_end = true where user_id = ?', [leaving.id]);
    await allowance(700n * CREDIT, { status: 'suspended' });
    expect(await notices()).toMatchObject([
      { to: `${leaving.id}@example.com`, variables: { subject: expect.stringMatching(/^700 of/) } },
    ]);
  });

  it('agrees with the preview of the rollover on what is lost', async () => {
    const rule = { percent: 50, maxUcr: 1_000n * CREDIT, minCarryUcr: CREDIT };
    for (const leftUcr of [1n, CREDIT - 1n, CREDIT, 999n * CREDIT, 1_000n * CREDIT + 1n, 1_999n * CREDIT]) {
      const user = await allowance(leftUcr);
      const ending = await money.em.getRepository(Grant).findEnding(user.id, later(7), NOW);
      const { forfeitedUcr } = previewRollover(leftUcr, rule, 2_000n * CREDIT);
      expect(ending.reduce((sum, { amountUcr }) => sum + amountUcr, 0n)).toBe(forfeitedUcr);
    }
  });

  /** Fails when the stamp is not set under the account's lock, together with the mail. */
  it('is sent once with several runs at the same time', async () => {
    const users = await Promise.all(Array.from({ length: 10 }, () => money.newUser()));
    for (const user of users) await money.addGrant(user, { amountUcr: 5n * CREDIT, expiresAt: later(2) });
    const runs = await Promise.all(Array.from({ length: 4 }, () => notices()));
    const sent = [...runs.flat(), ...(await notices())];
    expect(sent.map(({ to }) => to).sort()).toEqual(users.map(({ id }) => `${id}@example.com`).sort());
  });

  /** Fails when the first failure ends the run: one bad address would keep everybody's notice back. */
  it('comes in the next run when its mail could not be sent; the others come in this one', async () => {
    const users = await Promise.all(Array.from({ length: 3 }, () => money.newUser()));
    for (const user of users) await money.addGrant(user, { amountUcr: 5n * CREDIT, expiresAt: later(2) });
    const refused = users[1]?.id ?? '';
    const { notices: service, mailer } = ledgerServices(money.orm);
    const send = mailer.send.bind(mailer);
    mailer.send = (mail) => (mail.to.startsWith(refused) ? Promise.reject(new Error('no such address')) : send(mail));
    expect(await service.sendNotices(NOW)).toEqual({ users: 2, grants: 2, failed: 1 });
    const failures = (): Promise<unknown> =>
      money.query(`select state, entity_id, reason from job_failures where job = 'credit-expiry-notice'`);
    expect(await failures()).toEqual([{ state: 'open', entity_id: refused, reason: 'no such address' }]);
    expect(await notices()).toMatchObject([{ to: `${refused}@example.com` }]);
    expect(await failures()).toMatchObject([{ state: 'retried' }]);
  });
});
