import { Migration } from '@mikro-orm/migrations';

/**
 * How far a release is rolled out. A table of its own, because `app_versions` may belong to an older back office and is never altered; and the
 * counters that limit what comes without a sign-in, over all replicas.
 */
export class Migration20261130050000_release_delivery extends Migration {
  override up(): void {
    this.addSql(`
      create table app_version_delivery (
        app_version_id uuid not null,
        rollout_percent smallint not null default 100,
        size_bytes bigint,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint app_version_delivery_pkey primary key (app_version_id),
        constraint app_version_delivery_app_version_id_foreign foreign key (app_version_id) references app_versions (id) on delete cascade,
        constraint app_version_delivery_rollout_percent_check check (rollout_percent >= 0 and rollout_percent <= 100),
        constraint app_version_delivery_size_bytes_check check (size_bytes > 0)
      )`);
    // Its columns are those that rate-limiter-flexible writes, in its order. A lost counter costs nothing: nothing of it is logged ahead.
    this.addSql(`
      create unlogged table intake_rates (
        key varchar(255) not null,
        points integer not null default 0,
        expire bigint,
        constraint intake_rates_pkey primary key (key)
      )`);
    this.addSql('create index intake_rates_expire_index on intake_rates (expire)');
  }

  override down(): void {
    this.addSql('drop table intake_rates');
    this.addSql('drop table app_version_delivery');
  }
}
