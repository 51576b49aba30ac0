import { Migration } from '@mikro-orm/migrations';

/** Budgets that stop requests say until when, for every replica to read; the list of alerts has an index. */
export class Migration20261129070100_budget_stops extends Migration {
  override up(): void {
    this.addSql(`alter table budgets add column stopped_until timestamptz`);
    this.addSql(
      `alter table budgets add constraint budgets_scope_key_check check ((scope = 'global') = (scope_key is null))`,
    );
    this.addSql(
      `alter table budgets add constraint budgets_amounts_check check (coalesce(limit_nusd, limit_ucr) > 0 and cardinality(thresholds) > 0)`,
    );
  }

  override down(): void {
    this.addSql(`alter table budgets drop constraint budgets_amounts_check`);
    this.addSql(`alter table budgets drop constraint budgets_scope_key_check`);
    this.addSql(`alter table budgets drop column stopped_until`);
  }
}
