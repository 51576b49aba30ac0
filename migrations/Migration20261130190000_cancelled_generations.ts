import { Migration } from '@mikro-orm/migrations';

const TABLES = ['ai_generations', 'ai_generations_archive'];

/** A run can be called off while its models are asked: the row says so, and whoever works on it ends it. */
export class Migration20261130190000_cancelled_generations extends Migration {
  override up(): void {
    for (const table of TABLES) this.addSql(`alter table ${table} add column cancel_requested_at timestamptz`);
  }

  override down(): void {
    for (const table of TABLES) this.addSql(`alter table ${table} drop column cancel_requested_at`);
  }
}
