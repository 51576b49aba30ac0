import { Migration } from '@mikro-orm/migrations';

/** An analysis can be called off while it is worked on: the row says so, and whoever works on it ends it. */
export class Migration20261130080804_cancelled_analyses extends Migration {
  override up(): void {
    this.addSql(`alter table ai_analyses add column cancel_requested_at timestamptz`);
  }

  override down(): void {
    this.addSql(`alter table ai_analyses drop column cancel_requested_at`);
  }
}
