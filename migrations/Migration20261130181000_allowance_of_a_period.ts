import { Migration } from '@mikro-orm/migrations';

/**
 * A change of tier is worth the difference to the allowance that the period was given, which is kept with the subscription: a plan may have been
 * changed since. What a change downwards should have taken back and could not, because it was used, is kept beside it: a change upwards in the same
 * period gives that much less. Both count for the tier and the period that stand with them: a version that does not keep them may have opened
 * another since, and then the allowance is the plan's.
 */
export class Migration20261130181000_allowance_of_a_period extends Migration {
  override up(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table subscriptions add column allowance_ucr bigint, add column owed_ucr bigint not null default 0,
        add column allowance_tier subscription_tier, add column allowance_period integer,
        add constraint subscriptions_allowance_check check (allowance_ucr >= 0 and owed_ucr >= 0)`);
  }

  override down(): void {
    this.addSql(`set local lock_timeout = '2s'`);
    this.addSql(`
      alter table subscriptions drop constraint subscriptions_allowance_check, drop column owed_ucr, drop column allowance_ucr,
        drop column allowance_tier, drop column allowance_period`);
  }
}
