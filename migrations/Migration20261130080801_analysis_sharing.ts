import { Migration } from '@mikro-orm/migrations';

/** Analyses that share what was paid for: answers that are given again, and small ones that are asked for in one call. Both off unless a kind says so. */
export class Migration20261130080801_analysis_sharing extends Migration {
  override up(): void {
    this.addSql(`
      alter table analysis_kinds
        add column cache_seconds integer not null default 0,
        add column batch_size smallint not null default 1,
        add constraint analysis_kinds_sharing_check check (cache_seconds >= 0 and batch_size > 0)`);
    this.addSql(`alter table ai_analyses add column request_hash bytea`);
    // Holds only analyses of kinds whose answers are given again.
    this.addSql(
      `create index ai_analyses_request_hash_index on ai_analyses (user_id, request_hash) where request_hash is not null`,
    );
  }

  override down(): void {
    this.addSql(`alter table ai_analyses drop column request_hash`);
    this.addSql(`
      alter table analysis_kinds
        drop constraint analysis_kinds_sharing_check,
        drop column cache_seconds,
        drop column batch_size`);
  }
}
