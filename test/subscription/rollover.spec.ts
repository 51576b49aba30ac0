import { seedPlans } from '../../seeders/plans.seeder.js';
import { WallClock } from '../../src/common/clock.js';
import { newId } from '../../src/common/ids.js';
import { JobFailureRepository } from '../../src/jobs/job-failure.repository.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { CLOSE_JOB, RolloverService } from '../../src/subscription/rollover.service.js';
import { member, MoneyDatabase, NOW, settlement, type TestUser } from '../credits/money-database.js';
import { moneyServices, type MoneyServices } from '../credits/money-services.js';

const CREDIT = 1_000_000n;
const ANCHOR = new Date('2027-01-31T12:00:00.000Z');
const end = (index: number): Date => billingPeriod(ANCHOR, index).end;

describe('the rollover of everybody', () => {
  let money: MoneyDatabase;
  let services: MoneyServices;
  let failures: JobFailureService;
  let rollover: RolloverService;

  function newRollover(): RolloverService {
    const service = new RolloverService(
      services.books,
      services.periods,
      new JobRegistry(money.orm.em, new WallClock()),
      failures,
    );
    return service;
  }

  beforeEach(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
    services = moneyServices(money.orm, NOW);
    failures = new JobFailureService(new JobFailureRepository(money.orm.em), new AuditTrail(money.orm.em));
    rollover = newRollover();
    rollover.onModuleInit();
  });

  afterEach(async () => {
    expect(await money.offenders()).toEqual([]);
    await money.close();
  });

  async function subscribers(count: number): Promise<TestUser[]> {
    const users: TestUser[] = [];
    for (let index = 0; index < count; index += 1) {
      const user = await money.newUser({ hasAccount: false });
      await services.subscriptions.startPlan(user.id, 'pro', { actorId: null, reason: 'test', isTrial: false }, ANCHOR);
      const used = BigInt(index * 300) * CREDIT;
      const held = member(user, used, { expiresAt: end(5), boundTokens: 1 });
      await money.holds.reserve([held], ANCHOR);
      await money.holds.settle([settlement(held, used, ANCHOR)], ANCHOR);
      users.push(user);
    }
    return users;
  }

  const closes = async (): Promise<number> =>
    Number((await money.query('select count(*) from period_closes'))[0]?.['count']);
  const openFailures = async () =>
    (await failures.page({ job: CLOSE_JOB, state: 'open', before: undefined, limit: 10 })).failures;

  it('closes what is due of all, missed periods included, also when two runs meet', async () => {
    await subscribers(7);
    const now = end(2);
    const [one, other] = await Promise.all([rollover.run(now), newRollover().run(now)]);
    expect(one.closed + other.closed).toBe(21);
    expect(await closes()).toBe(21);
    expect(await rollover.run(now)).toMatchObject({ closed: 0, failed: 0 });
  });

  it('shows beforehand what it then does, and changes nothing by showing it', async () => {
    await subscribers(4);
    const before = await money.query('select * from credit_accounts order by user_id');
    const preview = await rollover.preview(end(0));
    expect(await money.query('select * from credit_accounts order by user_id')).toEqual(before);
    expect(preview.lines.map(({ carriedUcr }) => carriedUcr / CREDIT)).toEqual([1_000n, 1_000n, 1_000n, 1_000n]);
    expect(preview.totals).toMatchObject({ closed: 4, forfeitedUcr: (1_000n + 700n + 400n + 100n) * CREDIT });
    expect(await rollover.run(end(0))).toEqual(preview.totals);
  });

  it('keeps nobody waiting for an account that fails: it is in the queue with its reason until it succeeds', async () => {
    const [broken, ...others] = await subscribers(3);
    const [subscription] = await money.query<{ id: string }>('select id from subscriptions where user_id = ?', [
      broken!.id,
    ]);
    // Something has taken the key of the allowance that the close wants to give.
    await money.query(
      `insert into credits (user_id, id, grant_key, source, total_ucr, priority, effective_at, created_at, updated_at)
       values (?, ?, ?, 'promo', 0, 10, now(), now(), now())`,
      [broken!.id, newId(), `allowance:${subscription?.id}:1`],
    );
    expect(await rollover.run(end(0))).toMatchObject({ closed: 2, failed: 1 });
    for (const user of others)
      expect((await services.credits.balance(user.id, end(0))).availableUcr).toBe(3_000n * CREDIT);
    const [failure] = await openFailures();
    expect(failure).toMatchObject({
      entity: 'account',
      entityId: broken!.id,
      reason: expect.stringContaining('grant_key'),
    });
    const actor = (await money.newUser()).id;
    await expect(failures.retry(failure!.id, { actorId: actor, reason: null }, end(0))).rejects.toMatchObject({
      code: 'job_retry_failed',
    });

    await money.query('delete from credits where user_id = ? and source = ?', [broken!.id, 'promo']);
    expect(await rollover.run(end(0))).toMatchObject({ closed: 1, failed: 0 });
    expect(await openFailures()).toEqual([]);
  });

  it('is closed by a retry of the failure as well', async () => {
    const [user] = await subscribers(1);
    await failures.record(
      { job: CLOSE_JOB, entity: 'account', entityId: user!.id, reason: 'the disk was full' },
      end(0),
    );
    const [failure] = await openFailures();
    await failures.retry(failure!.id, { actorId: (await money.newUser()).id, reason: null }, end(0));
    expect(await closes()).toBe(1);
    expect(await openFailures()).toEqual([]);
  });
});
