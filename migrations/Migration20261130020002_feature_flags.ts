import { Migration } from '@mikro-orm/migrations';

/** For whom what is new is on: one row per flag that an operator has touched. Which flags there are is in the code. */
export class Migration20261130020002_feature_flags extends Migration {
  override up(): void {
    this.addSql(`
      create table feature_flags (
        key text not null,
        description text not null,
        is_enabled boolean not null default false,
        percent smallint not null default 0,
        tiers text[] not null default '{}',
        user_ids uuid[] not null default '{}',
        updated_by uuid,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint feature_flags_pkey primary key (key),
        constraint feature_flags_percent_check check (percent >= 0 and percent <= 100),
        constraint feature_flags_tiers_check check (tiers <@ array['free', 'pro', 'pro_max', 'enterprise']),
        constraint feature_flags_updated_by_foreign foreign key (updated_by) references users (id) on delete set null
      )`);
    this.addSql(`create index feature_flags_updated_by_index on feature_flags (updated_by)`);
  }

  override down(): void {
    this.addSql(`drop table feature_flags`);
  }
}
