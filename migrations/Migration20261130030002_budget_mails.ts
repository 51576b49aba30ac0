import { Migration } from '@mikro-orm/migrations';

/** Who is told of a budget's alerts by mail. */
export class Migration20261130030002_budget_mails extends Migration {
  override up(): void {
    this.addSql(`alter table budgets add column alert_emails text[] not null default '{}'`);
  }

  override down(): void {
    this.addSql('alter table budgets drop column alert_emails');
  }
}
