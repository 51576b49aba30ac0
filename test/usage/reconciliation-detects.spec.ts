import { newId } from '../../src/common/ids.js';
import { seedPlans } from '../../seeders/plans.seeder.js';
import type { ReconciliationResult } from '../../src/usage/reconciliation-checks.js';
import { checksWithin, member, MoneyDatabase, NOW, settlement, type TestUser } from '../credits/money-database.js';
import { moneyServices } from '../credits/money-services.js';

/** Books that balance: a settled and a pending hold, a debt, and a subscription with its allowance. */
interface Books {
  user: TestUser;
  grantId: string;
  settledId: string;
  pendingId: string;
  debtor: TestUser;
  overdrawnId: string;
  subscriber: TestUser;
  subscriptionId: string;
  allowanceId: string;
}

interface Corruption {
  check: string;
  what: string;
  /** Who is named. */
  subject: (books: Books) => string;
  statements: (books: Books) => string[];
}

const CORRUPTIONS: readonly Corruption[] = [
  {
    check: 'grant_equals_postings',
    what: 'a grant is raised without a posting',
    subject: ({ grantId }) => grantId,
    statements: ({ grantId }) => [`update credits set total_ucr = total_ucr + 1 where id = '${grantId}'`],
  },
  {
    check: 'grant_equals_postings',
    what: 'a posting names a grant that does not exist',
    subject: () => '0197c000-0000-7000-8000-00000000dead',
    statements: ({ user }) => [
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       values ('${user.id}', '${newId()}', '0197c000-0000-7000-8000-00000000dead', 'grant', 5, '${NOW.toISOString()}')`,
    ],
  },
  {
    check: 'grant_held_within_remaining',
    what: 'more is held of a grant than it has',
    subject: ({ grantId }) => grantId,
    statements: ({ grantId }) => [
      `alter table credits drop constraint credits_amounts_check`,
      `update credits set held_ucr = remaining_ucr + 1 where id = '${grantId}'`,
    ],
  },
  {
    check: 'account_equals_grants',
    what: 'a cached balance is raised',
    subject: () => 'account',
    statements: ({ user }) => [`update credit_accounts set balance_ucr = balance_ucr + 1 where user_id = '${user.id}'`],
  },
  {
    check: 'account_equals_pending_holds',
    what: 'an account counts a hold too many',
    subject: () => 'account',
    statements: ({ user }) => [
      `update credit_accounts set pending_count = pending_count + 1 where user_id = '${user.id}'`,
    ],
  },
  {
    check: 'grant_held_equals_slices',
    what: 'a grant forgets what a pending hold has of it',
    subject: ({ grantId }) => grantId,
    statements: ({ grantId }) => [`update credits set held_ucr = 0 where id = '${grantId}'`],
  },
  {
    check: 'debt_equals_postings',
    what: 'a debt is forgiven without a posting',
    subject: () => 'account',
    statements: ({ debtor }) => [`update credit_accounts set debt_ucr = 0 where user_id = '${debtor.id}'`],
  },
  {
    check: 'hold_ended_once',
    what: 'a settled hold has no end',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [`update credit_holds set ended_at = null where id = '${settledId}'`],
  },
  {
    check: 'hold_amount_equals_slices',
    what: 'a hold loses its slices',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [`update credit_holds set slices = '[]' where id = '${settledId}'`],
  },
  {
    check: 'usage_row_per_charged_attempt',
    what: 'a settled hold has lost its usage row',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [`delete from token_usage_ledger where hold_id = '${settledId}'`],
  },
  {
    check: 'usage_row_per_charged_attempt',
    what: 'a usage row belongs to no hold, although its postings agree',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [`delete from credit_holds where id = '${settledId}'`],
  },
  {
    check: 'usage_equals_postings',
    what: 'a charge has lost its posting',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [`delete from credit_postings where hold_id = '${settledId}'`],
  },
  {
    check: 'usage_equals_postings',
    what: 'a charge was posted as a gift',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [
      `update credit_postings set amount_ucr = -amount_ucr where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'usage_equals_postings',
    what: 'a charge names no hold',
    subject: () => 'unknown',
    statements: ({ settledId }) => [`update credit_postings set hold_id = null where hold_id = '${settledId}'`],
  },
  {
    check: 'hold_debt_equals_postings',
    what: 'a hold forgets the debt that it made',
    subject: ({ overdrawnId }) => overdrawnId,
    statements: ({ overdrawnId }) => [`update credit_holds set new_debt_ucr = 0 where id = '${overdrawnId}'`],
  },
  {
    check: 'posting_sign_fits_its_kind',
    what: 'a debt is posted as a repayment would be',
    subject: () => '0197c000-0000-7000-8000-00000000beef',
    statements: ({ overdrawnId }) => [
      `update credit_postings set amount_ucr = -amount_ucr, id = '0197c000-0000-7000-8000-00000000beef'
       where hold_id = '${overdrawnId}' and kind = 'debt'`,
    ],
  },
  {
    check: 'posting_sign_fits_its_kind',
    what: 'a refund takes credits from a grant',
    subject: () => '0197c000-0000-7000-8000-00000000beef',
    statements: ({ settledId }) => [
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       select user_id, '0197c000-0000-7000-8000-00000000beef', credit_id, 'refund', amount_ucr, created_at
       from credit_postings where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'lines_have_their_user_and_model',
    what: 'a user with calls is gone',
    subject: () => 'token_usage_ledger',
    statements: ({ user }) => [`delete from users where id = '${user.id}'`],
  },
  {
    check: 'lines_have_their_user_and_model',
    what: 'a model with calls is gone',
    subject: () => 'token_usage_ledger',
    statements: () => [`delete from models where id in (select model_id from token_usage_ledger)`],
  },
  {
    check: 'append_only_triggers',
    what: 'one partition may be changed',
    subject: () => 'credit_postings_2026_05',
    statements: () => [`alter table credit_postings_2026_05 disable trigger credit_postings_append_only`],
  },
  {
    check: 'append_only_triggers',
    what: 'the ledger may be truncated',
    subject: () => 'token_usage_ledger',
    statements: () => [`drop trigger token_usage_ledger_no_truncate on token_usage_ledger`],
  },
  {
    check: 'reversal_cancels_its_original',
    what: 'a reversal is not the opposite of its original',
    subject: () => '0197c000-0000-7000-8000-00000000beef',
    statements: ({ user, settledId }) => [
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       select user_id, '0197c000-0000-7000-8000-00000000beef', credit_id, 'refund', 1, created_at
       from credit_postings where hold_id = '${settledId}'`,
      `insert into credit_reversals (user_id, original_id, reversal_id, created_at)
       select '${user.id}', id, '0197c000-0000-7000-8000-00000000beef', created_at from credit_postings where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'reversal_cancels_its_original',
    what: 'a reversal names two postings that do not exist',
    subject: () => '0197c000-0000-7000-8000-00000000beef',
    statements: ({ user }) => [
      `insert into credit_reversals (user_id, original_id, reversal_id, created_at)
       values ('${user.id}', '${newId()}', '0197c000-0000-7000-8000-00000000beef', '${NOW.toISOString()}')`,
    ],
  },
  {
    check: 'reversal_cancels_its_original',
    what: 'a refund cancels no line',
    subject: () => '0197c000-0000-7000-8000-00000000beef',
    statements: ({ settledId }) => [
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       select user_id, '0197c000-0000-7000-8000-00000000beef', credit_id, 'refund', -amount_ucr, created_at
       from credit_postings where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'reversal_cancels_its_original',
    what: 'usage was given back as a gift would be',
    subject: () => '0197c000-0000-7000-8000-00000000beef',
    statements: ({ settledId }) => [
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       select user_id, '0197c000-0000-7000-8000-00000000beef', credit_id, 'adjustment', -amount_ucr, created_at
       from credit_postings where hold_id = '${settledId}'`,
      `insert into credit_reversals (user_id, original_id, reversal_id, created_at)
       select user_id, id, '0197c000-0000-7000-8000-00000000beef', created_at from credit_postings where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'whole_system',
    what: 'a debt is refunded in the lines and owed on the account',
    subject: () => 'system',
    statements: ({ overdrawnId }) => [
      `insert into credit_postings (user_id, id, kind, amount_ucr, created_at)
       select user_id, '0197c000-0000-7000-8000-00000000beef', 'refund', -amount_ucr, created_at
       from credit_postings where hold_id = '${overdrawnId}' and kind = 'debt'`,
    ],
  },
  {
    check: 'one_grant_per_period',
    what: 'a period is granted twice',
    subject: ({ subscriptionId }) => subscriptionId,
    statements: ({ allowanceId }) => [
      `insert into credits (user_id, id, subscription_id, grant_key, source, period_index, total_ucr, priority, effective_at, created_at, updated_at)
       select user_id, '${newId()}', subscription_id, 'again', source, period_index, 0, priority, effective_at, created_at, updated_at
       from credits where id = '${allowanceId}'`,
    ],
  },
  {
    check: 'periods_count_from_the_anchor',
    what: 'a period is a day longer',
    subject: ({ subscriptionId }) => subscriptionId,
    statements: ({ subscriptionId }) => [
      `update subscriptions set current_period_end = current_period_end + interval '1 day' where id = '${subscriptionId}'`,
    ],
  },
  {
    check: 'account_due_with_its_subscription',
    what: 'an account is not looked at when its period ends',
    subject: ({ subscriptionId }) => subscriptionId,
    statements: ({ subscriber }) => [
      `update credit_accounts set next_due_at = null where user_id = '${subscriber.id}'`,
    ],
  },
  {
    check: 'close_carries_or_forfeits_all',
    what: 'a close loses a part of what was left',
    subject: ({ subscriptionId }) => subscriptionId,
    statements: ({ subscriber, subscriptionId }) => [
      `insert into period_closes (user_id, subscription_id, period_index, left_ucr, carried_ucr, cap_left_ucr, forfeited_ucr, closed_at,
         created_at, updated_at)
       select '${subscriber.id}', '${subscriptionId}', 0, 10, 3, 0, 6, at, at, at from (select timestamptz '${NOW.toISOString()}' as at) t`,
    ],
  },
  {
    check: 'roll_outs_equal_roll_ins',
    what: 'what was rolled out arrived nowhere',
    subject: ({ subscriptionId }) => subscriptionId,
    statements: ({ subscriber, allowanceId }) => [
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
       values ('${subscriber.id}', '${newId()}', '${allowanceId}', 'roll_out', -5, '${NOW.toISOString()}')`,
    ],
  },
  {
    check: 'whole_system',
    what: 'credits come out of nothing',
    subject: () => 'system',
    statements: ({ user, grantId }) => [
      `update credits set total_ucr = total_ucr + 1 where id = '${grantId}'`,
      `update credit_accounts set balance_ucr = balance_ucr + 1 where user_id = '${user.id}'`,
    ],
  },
  {
    check: 'charge_recomputed_from_tokens',
    what: 'a usage row has a token more than was charged',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [
      `update token_usage_ledger set input_tokens = input_tokens + 1 where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'charge_recomputed_from_tokens',
    what: 'a usage row is said to have cost the provider more',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [
      `update token_usage_ledger set cost_nusd = cost_nusd + 1 where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'charge_recomputed_from_tokens',
    what: 'a usage row has the wrong price basis',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [
      `update token_usage_ledger set price_basis = 'long_context' where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'charge_recomputed_from_tokens',
    what: 'a usage row names a price version that does not exist',
    subject: ({ settledId }) => settledId,
    statements: ({ settledId }) => [
      `update token_usage_ledger set model_version_no = 99 where hold_id = '${settledId}'`,
    ],
  },
  {
    check: 'no_hold_outlives_its_time',
    what: 'a pending hold expired an hour ago',
    subject: ({ pendingId }) => pendingId,
    statements: ({ pendingId }) => [
      `update credit_holds set expires_at = timestamptz '${NOW.toISOString()}' - interval '1 hour' where id = '${pendingId}'`,
    ],
  },
  {
    check: 'no_period_outlives_its_grace',
    what: 'a period ended two hours ago and nobody closed it',
    subject: () => 'account',
    statements: ({ subscriber }) => [
      `update credit_accounts set next_due_at = timestamptz '${NOW.toISOString()}' - interval '2 hours' where user_id = '${subscriber.id}'`,
    ],
  },
  {
    check: 'hourly_sums_equal_the_ledger',
    what: 'an hour has a request that nobody made',
    subject: () => '2026-05-10T12:00Z unit-price chat sandbox free',
    statements: ({ user }) => [
      `insert into usage_hourly (hour, user_id, model_id, operation, provider, tier, request_count, error_count, input_tokens, cached_input_tokens,
         cache_write_tokens, output_tokens, image_count, image_tokens, credits_ucr, cost_nusd, latency_buckets, first_token_buckets, created_at, updated_at)
       values ('2026-05-10T12:00Z', '${user.id}', 'unit-price', 'chat', 'sandbox', 'free', 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, '{}', '{}', now(), now())`,
    ],
  },
  {
    check: 'totals_equal_the_hourly_sums',
    what: 'a day has a request that nobody made',
    subject: () => 'day 2026-05-10T00:00Z unit-price chat sandbox free',
    statements: () => [
      `insert into usage_totals (unit, start_at, model_id, operation, provider, tier, request_count, error_count, input_tokens, cached_input_tokens,
         cache_write_tokens, output_tokens, image_count, image_tokens, credits_ucr, cost_nusd, latency_buckets, first_token_buckets, created_at, updated_at)
       values ('day', '2026-05-10', 'unit-price', 'chat', 'sandbox', 'free', 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, '{}', '{}', now(), now())`,
    ],
  },
];

describe('reconciliation', () => {
  let money: MoneyDatabase;
  let books: Books;

  beforeAll(async () => {
    money = await MoneyDatabase.open();
    await seedPlans(money.em, { now: NOW });
    books = await keepBooks(money);
  });

  afterAll(() => money.close());

  it('finds nothing in books that balance', async () => {
    expect(await money.offenders()).toEqual([]);
  });

  it.each(CORRUPTIONS.map((corruption) => [corruption.check, corruption.what, corruption] as const))(
    '%s: %s',
    async (check, _what, { statements, subject }) => {
      const found = await offendersAfter(money, statements(books));
      const named = found.filter(({ name }) => name === check).flatMap(({ offenders }) => offenders);
      expect(named.map((offender) => offender.subject)).toContain(subject(books));
    },
  );

  it('finds nothing any more once every corruption is rolled back', async () => {
    expect(await money.offenders()).toEqual([]);
  });

  it('has no check that has not been seen to fail', async () => {
    const checks = await offendersAfter(money, []);
    expect(new Set(CORRUPTIONS.map(({ check }) => check))).toEqual(new Set(checks.map(({ name }) => name)));
  });
});

async function keepBooks(money: MoneyDatabase): Promise<Books> {
  const user = await money.newUser();
  const grantId = await money.addGrant(user, { amountUcr: 1_000n });
  const settled = member(user, 100n);
  const pending = member(user, 50n);
  const debtor = await money.userWith(10n);
  const overdrawn = member(debtor, 10n);
  await money.holds.reserve([settled, pending, overdrawn], NOW);
  await money.holds.settle([settlement(settled, 60n), settlement(overdrawn, 15n)], NOW);
  const subscriber = await money.newUser({ hasAccount: false });
  const { subscriptions } = moneyServices(money.orm, NOW);
  const { id: subscriptionId } = await subscriptions.ensureSubscription(subscriber.id, NOW);
  const [allowance] = await money.query<{ id: string }>('select id from credits where user_id = ?', [subscriber.id]);
  if (!allowance) throw new Error('the subscriber has no allowance');
  return {
    user,
    grantId,
    settledId: settled.id,
    pendingId: pending.id,
    debtor,
    overdrawnId: overdrawn.id,
    subscriber,
    subscriptionId,
    allowanceId: allowance.id,
  };
}

/** What reconciliation says of books that were changed past every trigger and foreign key, as a restore or too many rights could do it. */
async function offendersAfter(money: MoneyDatabase, statements: string[]): Promise<ReconciliationResult[]> {
  const em = money.em;
  await em.begin();
  try {
    await em.execute('set local session_replication_role = replica');
    for (const statement of statements) await em.execute(statement);
    return await checksWithin(em);
  } finally {
    await em.rollback();
  }
}
