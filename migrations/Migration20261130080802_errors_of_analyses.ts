import { Migration } from '@mikro-orm/migrations';

/** Errors of providers name the analysis that they kept waiting, where it was one's. */
export class Migration20261130080802_errors_of_analyses extends Migration {
  override up(): void {
    this.addSql(`
      alter table error_logs
        add column analysis_id uuid,
        add constraint error_logs_analysis_id_foreign foreign key (analysis_id) references ai_analyses (id) on delete cascade`);
    this.addSql(`create index error_logs_analysis_id_index on error_logs (analysis_id)`);
  }

  override down(): void {
    this.addSql(`alter table error_logs drop column analysis_id`);
  }
}
