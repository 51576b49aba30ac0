import { Migration } from '@mikro-orm/migrations';

/**
 * The hour buckets, filled from now on, also by provider and tier and with the time to the first token. They can be made again from the
 * ledger at any time, so neither way moves data.
 */
export class Migration20261129070000_usage_rollup extends Migration {
  override up(): void {
    this.forget();
    this.addSql(`
      alter table usage_hourly
        add column provider text not null,
        add column tier text not null,
        add column first_token_buckets integer[] not null`);
    this.addSql(`alter table usage_hourly drop constraint usage_hourly_pkey`);
    this.addSql(
      `alter table usage_hourly add constraint usage_hourly_pkey primary key (hour, user_id, model_id, operation, provider, tier)`,
    );
    this.addSql(`drop index usage_hourly_user_id_index`);
    this.addSql(`drop index usage_hourly_model_id_index`);
    this.addSql(`create index usage_hourly_user_id_hour_index on usage_hourly (user_id, hour)`);
    this.addSql(`create index usage_hourly_model_id_hour_index on usage_hourly (model_id, hour)`);
  }

  override down(): void {
    this.forget();
    this.addSql(`drop index usage_hourly_model_id_hour_index`);
    this.addSql(`drop index usage_hourly_user_id_hour_index`);
    this.addSql(`create index usage_hourly_user_id_index on usage_hourly (user_id)`);
    this.addSql(`create index usage_hourly_model_id_index on usage_hourly (model_id)`);
    this.addSql(`alter table usage_hourly drop constraint usage_hourly_pkey`);
    this.addSql(
      `alter table usage_hourly add constraint usage_hourly_pkey primary key (hour, user_id, model_id, operation)`,
    );
    this.addSql(`alter table usage_hourly drop column provider, drop column tier, drop column first_token_buckets`);
  }

  private forget(): void {
    this.addSql(`delete from usage_hourly`);
    this.addSql(`delete from job_cursors where name = 'usage-rollup'`);
  }
}
