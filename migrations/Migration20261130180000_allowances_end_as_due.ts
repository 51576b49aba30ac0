import { Migration } from '@mikro-orm/migrations';
import { rewriteFunction } from './rewrite-function.js';

/**
 * The credits of a period end when something is decided about it: with a trial or a grace that ends before the period, not with the period. What
 * is told of them, and what a late cost may take, then agrees with the close. A plan that is cancelled ends with its period also past due.
 */
export class Migration20261130180000_allowances_end_as_due extends Migration {
  override up(): void {
    this.lockAccounts();
    this.addSql(
      rewriteFunction('close_periods', [
        [WITH_THE_PERIOD, WHEN_DUE],
        [TERMS, TERMS_AND_DUE],
      ]),
    );
    this.addSql(`
      update credits c set expires_at = s.due_at, updated_at = now()
      from (select *, ${DUE_AT} as due_at from subscriptions where ${IS_CONCERNED}) s
      where ${IS_OF_PERIOD} and c.expires_at is distinct from s.due_at`);
    this.addSql(`
      update credit_accounts a set next_due_at = s.due_at, updated_at = now()
      from (select *, ${DUE_AT} as due_at from subscriptions where ${IS_CONCERNED}) s
      where a.user_id = s.user_id and s.status = 'active' and a.next_due_at is distinct from s.due_at`);
  }

  override down(): void {
    this.lockAccounts();
    this.addSql(
      rewriteFunction('close_periods', [
        [WHEN_DUE, WITH_THE_PERIOD],
        [TERMS_AND_DUE, TERMS],
      ]),
    );
    this.addSql(`
      update credits c set expires_at = greatest(s.current_period_end, s.grace_ends_at), updated_at = now()
      from subscriptions s where ${IS_CONCERNED} and ${IS_OF_PERIOD}`);
    this.addSql(`
      update credit_accounts a set next_due_at = s.grace_ends_at, updated_at = now()
      from subscriptions s where a.user_id = s.user_id and s.status = 'active' and s.grace_ends_at is not null`);
  }

  /** First, as whoever moves money does: nobody else has a grant of theirs, or changes when one ends. */
  private lockAccounts(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      select from credit_accounts where user_id in (select user_id from subscriptions where ${IS_CONCERNED})
      order by user_id for update`);
  }
}

const WITH_THE_PERIOD = `r.repaid, 30, r.starts, r.ends, case`;
const WHEN_DUE = `r.repaid, 30, r.starts, r.due, case`;

const TERMS = `p_allowances, repaid, p_starts, p_ends, is_open)
    as r(user_id, subscription_id, next_index, allowance_id, allowance, repaid, starts, ends, is_open)`;
const TERMS_AND_DUE = `p_allowances, repaid, p_starts, p_ends, p_due, is_open)
    as r(user_id, subscription_id, next_index, allowance_id, allowance, repaid, starts, ends, due, is_open)`;

/** Subscriptions whose period may end at another time than by the calendar. */
const IS_CONCERNED = `status in ('active', 'suspended') and (trial_ends_at is not null or grace_ends_at is not null)`;
const DUE_AT = `case
  when grace_ends_at is null then least(current_period_end, trial_ends_at)
  when cancel_at_period_end then least(current_period_end, grace_ends_at)
  else grace_ends_at
end`;
const IS_OF_PERIOD = `c.user_id = s.user_id and c.subscription_id = s.id and c.period_index = s.period_index
        and c.source in ('subscription', 'proration')`;
