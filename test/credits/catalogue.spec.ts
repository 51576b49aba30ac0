import { MikroORM } from '@mikro-orm/postgresql';
import { seedPlans } from '../../seeders/plans.seeder.js';
import { WallClock } from '../../src/common/clock.js';
import { newId } from '../../src/common/ids.js';
import { JobFailureRepository } from '../../src/jobs/job-failure.repository.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { CLOSE_JOB, RolloverService } from '../../src/subscription/rollover.service.js';
import { testConfig } from '../support/test-config.js';
import { correctionOf, ledgerServices } from './ledger-services.js';
import { attempt, ending, member, MoneyDatabase, NOW, settlement, type TestUser } from './money-database.js';
import { moneyServices, type MoneyServices } from './money-services.js';

const CREDIT = 1_000_000n;
const ANCHOR = new Date('2026-01-31T12:00:00.000Z');
const FIRST_END = new Date('2026-02-28T12:00:00.000Z');
const later = (than: Date, ms: number): Date => new Date(than.getTime() + ms);

/** The traps that lie below HTTP: in time, between replicas, and in the tables. The others are in `catalogue-http.spec.ts`. */
describe('the catalogue of traps', () => {
  let money: MoneyDatabase;
  let second: MikroORM;
  let services: MoneyServices;
  let replica: MoneyServices;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
    second = await MikroORM.init(ormOptions(money.url, testConfig({ DATABASE_POOL_SIZE: '10' })));
    services = moneyServices(money.orm, NOW);
    replica = moneyServices(second, NOW);
  });

  afterAll(async () => {
    await second.close();
    await money.close();
  });

  afterEach(async () => {
    // Reconciliation looks at the books of `NOW`.
    await rolloverOf(services, money.orm).rollover.run(NOW);
    expect(await money.offenders()).toEqual([]);
  });

  async function subscriber(): Promise<TestUser> {
    const user = await money.newUser({ hasAccount: false });
    await services.subscriptions.startPlan(user.id, 'pro', { actorId: null, reason: 'test', isTrial: false }, ANCHOR);
    return user;
  }

  function rolloverOf(of: MoneyServices, orm: MikroORM): { rollover: RolloverService; failures: JobFailureService } {
    const failures = new JobFailureService(new JobFailureRepository(orm.em), new AuditTrail(orm.em));
    const jobs = new JobRegistry(orm.em, new WallClock());
    return { rollover: new RolloverService(of.books, of.periods, jobs, failures), failures };
  }

  const grantsOf = (user: TestUser): Promise<Record<string, string>[]> =>
    money.query<Record<string, string>>(
      'select source, period_index, total_ucr, used_ucr, expired_ucr, effective_at from credits where user_id = ? order by source, period_index',
      [user.id],
    );

  it('3 leaked holds block users: what a crashed process held is free again after its time', async () => {
    const user = await money.userWith(100n);
    const leaked = member(user, 100n, { expiresAt: later(NOW, 1_000) });
    await money.holds.reserve([leaked], NOW);
    const ask = async (at: Date): Promise<string | undefined> =>
      (await money.holds.reserve([member(user, 60n, { expiresAt: later(at, 1_000) })], at))[0]?.outcome;
    expect(await ask(NOW)).toBe('insufficient');
    await replica.sweeper.sweep(later(NOW, 999));
    expect(await ask(later(NOW, 999))).toBe('insufficient');
    await replica.sweeper.sweep(later(NOW, 1_000));
    expect(await ask(later(NOW, 1_000))).toBe('held');
    await replica.sweeper.sweep(later(NOW, 5_000));
  });

  /** Fails when a sweeper forgets what it passed by: after a long sleep it looked back an hour only. */
  it('3 leaked holds block users: one that was busy when the process woke after days is swept the next time', async () => {
    const user = await money.userWith(10n);
    await services.sweeper.sweep(NOW);
    await money.holds.reserve([member(user, 10n, { expiresAt: later(NOW, 1_000) })], NOW);
    const awake = later(NOW, 3 * 86_400_000);
    const busy = money.orm.em.fork();
    await busy.begin();
    await busy.execute('select 1 from credit_accounts where user_id = ? for update', [user.id]);
    expect(await services.sweeper.sweep(awake)).toBe(0);
    await busy.rollback();
    expect(await services.sweeper.sweep(later(awake, 30_000))).toBe(1);
  });

  it('4 double settle or refund: many ends of one hold charge once, and many refunds refund once', async () => {
    const user = await money.userWith(100n);
    const held = member(user, 50n);
    await money.holds.reserve([held], NOW);
    const ends = [services, replica].flatMap(({ holds }) =>
      Array.from({ length: 6 }, () => holds.settle([settlement(held, 30n)], NOW)),
    );
    const voids = [replica.holds.settle([ending(held, 'voided')], NOW)];
    const outcomes = (await Promise.all([...ends, ...voids])).flat().map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    const [hold] = await money.query<{ cost_ucr: string }>('select cost_ucr from credit_holds where id = ?', [held.id]);
    const charged = BigInt(hold!.cost_ucr);
    expect(await money.account(user)).toMatchObject({ balance: 100n - charged, held: 0n });
    if (charged === 0n) return;
    const refunds = await Promise.allSettled(
      [money.orm, second].flatMap((orm) =>
        Array.from({ length: 4 }, () => ledgerServices(orm).ledger.refund(correctionOf(user), held.id, NOW)),
      ),
    );
    expect(refunds.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await money.account(user)).toMatchObject({ balance: 100n, held: 0n });
  });

  it('12 a fallback is priced at the wrong model: each attempt costs what its own model costs', async () => {
    const meta = { displayName: 'Dear', capabilities: ['text'], contextLength: 1_000, maxOutputTokens: 10 };
    const prices = { creditRates: { input: 0.007, output: 0 }, creditsPer1kTokens: 0 };
    const dear = JSON.stringify({ ...meta, ...prices, inputCostPerMillionTokens: 0, outputCostPerMillionTokens: 0 });
    await money.query(`insert into models (id, name, provider, meta) values ('dear', 'dear', 'sandbox', ?)`, [dear]);
    await money.query(
      `insert into model_versions (model_id, version_no, meta, change_reason) values ('dear', 1, ?, 'test')`,
      [dear],
    );
    const user = await money.userWith(1_000n);
    const held = member(user, 800n, { modelId: 'dear' });
    await money.holds.reserve([held], NOW);
    const first = { ...attempt(0n, 1), modelId: 'dear', inputTokens: 20, creditsUcr: 140n };
    const fallback = attempt(20n, 2);
    await money.holds.settle([{ ...settlement(held, 0n), attempts: [first, fallback] }], NOW);
    expect(await money.account(user)).toMatchObject({ balance: 840n });
    // The same tokens of the fallback at the first model's price do not pass reconciliation.
    const other = member(user, 800n, { modelId: 'dear' });
    await money.holds.reserve([other], NOW);
    const wrong = { ...attempt(20n, 2), creditsUcr: 140n };
    await money.holds.settle([{ ...settlement(other, 0n), attempts: [{ ...first, id: newId() }, wrong] }], NOW);
    expect(await money.offenders()).toMatchObject([{ name: 'charge_recomputed_from_tokens', subject: other.id }]);
    await money.query('alter table token_usage_ledger disable trigger user');
    await money.query('update token_usage_ledger set input_tokens = 140 where hold_id = ? and attempt_no = 2', [
      other.id,
    ]);
    await money.query('alter table token_usage_ledger enable trigger user');
  });

  it('13 a period reset overwrites spend: what is spent while the period closes stays spent', async () => {
    const user = await subscriber();
    const members = Array.from({ length: 24 }, () =>
      member(user, 10n * CREDIT, { expiresAt: later(FIRST_END, 60_000) }),
    );
    await money.holds.reserve(members, ANCHOR);
    const ends = members.map((held, index) =>
      (index % 2 ? services : replica).holds.settle(
        [settlement(held, 7n * CREDIT, ANCHOR)],
        later(FIRST_END, index % 3),
      ),
    );
    await Promise.all([...ends, ...[services, replica].map(({ periods }) => periods.closeDue(user.id, FIRST_END))]);
    const [row] = await money.query<{ spent: string }>('select sum(used_ucr) as spent from credits where user_id = ?', [
      user.id,
    ]);
    expect(BigInt(row!.spent)).toBe(24n * 7n * CREDIT);
    // 2 000 less what was spent, of which 1 000 may be carried; and the new allowance.
    expect(await money.account(user)).toMatchObject({ balance: 3_000n * CREDIT, held: 0n, debt: 0n });
  });

  it('16 float drift: amounts beyond 2^53 stay exact to the last micro-credit', async () => {
    const beyond = 2n ** 53n + 1n;
    const user = await money.userWith(beyond);
    const members = Array.from({ length: 100 }, () => member(user, 3n));
    await money.holds.reserve(members, NOW);
    const ended = await money.holds.settle(
      members.map((held) => settlement(held, 1n)),
      NOW,
    );
    expect(ended.at(-1)).toMatchObject({ availableUcr: beyond - 100n });
    // The free plan begins with the first look at a balance.
    expect((await services.credits.balance(user.id, NOW)).availableUcr).toBe(beyond - 100n + 100n * CREDIT);
  });

  it('17 the ledger’s size slows admission: a reservation reads neither the ledger nor the postings', async () => {
    const user = await money.userWith(1_000n);
    // A past of two hundred requests, so that there would be something to read.
    for (let round = 0; round < 4; round += 1) {
      const past = Array.from({ length: 50 }, () => member(user, 1n));
      await money.holds.reserve(past, NOW);
      await money.holds.settle(
        past.map((held) => settlement(held, 1n)),
        NOW,
      );
    }
    // A session of its own: what others did is not counted.
    const fresh = await MikroORM.init(ormOptions(money.url, testConfig({ DATABASE_POOL_SIZE: '2' })));
    const read = await fresh.em.transactional(async (em) => {
      // Two hundred rows are few enough to read them all; what counts is what must be read.
      await em.execute('set local enable_seqscan = off');
      const [result] = await moneyServices(fresh, NOW).holds.reserve([member(user, 5n)], NOW, NOW);
      expect(result).toMatchObject({ outcome: 'held', availableUcr: 795n });
      return em.execute<{ relname: string; rows: string }[]>(
        `select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as rows from pg_stat_xact_user_tables
         where coalesce(seq_scan, 0) + coalesce(idx_scan, 0) > 0 order by relname`,
      );
    });
    await fresh.close();
    const names = read.map(({ relname }) => relname);
    expect(names).toEqual(expect.arrayContaining(['credit_accounts', 'credits']));
    expect(
      names.filter((name) => /^(token_usage_ledger|credit_postings|usage_hourly|usage_totals)/.test(name)),
    ).toEqual([]);
    // Of two hundred ended holds it looks at none but its own.
    const rows = read.filter(({ relname }) => relname === 'credit_holds').map((one) => Number(one.rows));
    expect(rows.every((count) => count <= 1)).toBe(true);
    await services.sweeper.sweep(later(NOW, 86_400_000));
  });

  it('20 a period is granted twice: jobs of two replicas, requests and reads at once give one allowance', async () => {
    const users = await Promise.all(Array.from({ length: 8 }, () => subscriber()));
    const jobs = [rolloverOf(services, money.orm), rolloverOf(replica, second)];
    await Promise.all([
      ...jobs.map(({ rollover }) => rollover.run(FIRST_END)),
      ...users.flatMap(({ id }) => [services, replica].map(({ periods }) => periods.closeDue(id, FIRST_END))),
      ...users.map(({ id }) => replica.credits.balance(id, FIRST_END)),
    ]);
    for (const user of users) {
      const grants = await grantsOf(user);
      expect(grants.map((row) => `${row['source']} ${row['period_index']}`)).toEqual([
        'subscription 0',
        'subscription 1',
        'rollover 0',
      ]);
    }
  });

  it('21 a usage read that fails counts as zero: a close that cannot read changes nothing and says why', async () => {
    const user = await subscriber();
    const held = member(user, 1_500n * CREDIT);
    await money.holds.reserve([held], ANCHOR);
    await money.holds.settle([settlement(held, 1_500n * CREDIT, ANCHOR)], ANCHOR);
    const before = await grantsOf(user);
    await money.query(`
      create function public.unreadable() returns trigger language plpgsql as $$ begin raise exception 'the disk cannot be read'; end $$;
      create trigger unreadable before update on credits for each row when (old.user_id = '${user.id}') execute function public.unreadable()`);
    const { rollover, failures } = rolloverOf(services, money.orm);
    rollover.onModuleInit();
    expect(await rollover.run(FIRST_END)).toMatchObject({ closed: 0, failed: 1 });
    expect(await grantsOf(user)).toEqual(before);
    const [failure] = (await failures.page({ job: CLOSE_JOB, state: 'open', before: undefined, limit: 9 })).failures;
    expect(failure).toMatchObject({ entityId: user.id, reason: expect.stringContaining('the disk cannot be read') });

    await money.query('drop trigger unreadable on credits; drop function public.unreadable');
    expect(await rollover.run(FIRST_END)).toMatchObject({
      closed: 1,
      failed: 0,
      leftUcr: 500n * CREDIT,
      carriedUcr: 500n * CREDIT,
    });
    expect((await failures.page({ job: CLOSE_JOB, state: 'open', before: undefined, limit: 9 })).failures).toEqual([]);
  });

  it('22 dates chained from the 31st: every month ends on its own last day, leap years included', async () => {
    const user = await money.newUser({ hasAccount: false });
    const anchor = new Date('2027-12-31T12:00:00.000Z');
    await services.subscriptions.startPlan(user.id, 'pro', { actorId: null, reason: 'test', isTrial: false }, anchor);
    await services.periods.closeDue(user.id, new Date('2028-06-30T12:00:00.000Z'));
    const starts = (await grantsOf(user))
      .filter((row) => row['source'] === 'subscription')
      .map((row) => new Date(String(row['effective_at'])).toISOString().slice(0, 10));
    expect(starts).toEqual([
      '2027-12-31',
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
      '2028-05-31',
      '2028-06-30',
    ]);
  });
});
