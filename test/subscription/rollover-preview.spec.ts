import { seedPlans } from '../../seeders/plans.seeder.js';
import { WallClock } from '../../src/common/clock.js';
import { JobFailureRepository } from '../../src/jobs/job-failure.repository.js';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { RolloverService } from '../../src/subscription/rollover.service.js';
import { MoneyDatabase, NOW } from '../credits/money-database.js';
import { moneyServices } from '../credits/money-services.js';

const ANCHOR = new Date('2027-01-31T12:00:00.000Z');
const END = billingPeriod(ANCHOR, 0).end;
/** One more than one look finds. */
const USERS = 20_001;

describe('the dry run of a rollover', () => {
  let money: MoneyDatabase;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
  });
  afterAll(() => money.close());

  it('sums over everybody, however many they are, and shows the first', async () => {
    await money.query(
      `insert into users (id, email, email_verified_at) select uuidv7(), n || '@example.com', now() from generate_series(1, ${USERS}) as n`,
    );
    await money.query(
      `insert into subscriptions (id, user_id, tier, billing_anchor_at, current_period_start, current_period_end, created_at, updated_at)
       select uuidv7(), id, 'pro', ?::timestamptz, ?::timestamptz, ?::timestamptz, now(), now() from users`,
      [ANCHOR, ANCHOR, END],
    );
    await money.query(
      `insert into credit_accounts (user_id, next_due_at, minute_at, day_at, month_at, created_at, updated_at)
       select user_id, current_period_end, now(), now(), now(), now(), now() from subscriptions`,
    );
    const { books, periods } = moneyServices(money.orm, NOW);
    const failures = new JobFailureService(new JobFailureRepository(money.orm.em), new AuditTrail(money.orm.em));
    const rollover = new RolloverService(books, periods, new JobRegistry(money.orm.em, new WallClock()), failures);
    const { totals, lines } = await rollover.preview(END);
    expect(totals).toMatchObject({ closed: USERS, grantedUcr: BigInt(USERS) * 2_000_000_000n });
    expect(lines).toHaveLength(200);
  });
});
