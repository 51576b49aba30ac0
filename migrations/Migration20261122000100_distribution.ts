import { Migration } from '@mikro-orm/migrations';

/**
 * The desktop product's own tables, which an app's back office may already have. No later migration alters them, so their `user_id` has no
 * foreign key and their states are text with a CHECK. The schema for functions and the extension that later migrations build on come first.
 */
export class Migration20261122000100_distribution extends Migration {
  override up(): void {
    this.addSql('create extension if not exists citext');
    this.addSql('create schema if not exists tollgate');
    // A database user called "tollgate" would find that schema first ("$user"); behind a pooler only the database can say otherwise.
    this.addSql(
      `do $$ begin execute format('alter database %I set search_path to public', current_database()); end $$`,
    );
    this.addSql(`
      create function tollgate.refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception '% on % is refused: the table is append-only', tg_op, tg_table_name using errcode = 'restrict_violation';
      end $$`);

    this.addSql(`
      create table app_versions (
        id uuid primary key,
        version text not null,
        platform text not null,
        channel text not null,
        url text not null,
        sha256 text not null,
        signature text not null,
        min_supported_version text,
        notes text,
        published_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint app_versions_platform_channel_version_unique unique (platform, channel, version)
      )`);
    this.addSql(`
      create table downloads (
        id uuid primary key,
        app_version_id uuid constraint downloads_app_version_id_foreign references app_versions (id) on delete set null,
        platform text not null,
        channel text not null,
        user_agent text,
        created_at timestamptz not null default now()
      )`);
    this.addSql('create index downloads_app_version_id_index on downloads (app_version_id)');
    this.addSql(`
      create table feedback (
        id uuid primary key,
        user_id uuid,
        app_version text,
        platform text,
        category text not null,
        message text not null,
        contact_email text,
        state text not null default 'new' constraint feedback_state_check check (state in ('new', 'read', 'answered', 'closed')),
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    this.addSql(`
      create table diagnostics (
        id uuid primary key,
        user_id uuid,
        app_version text,
        platform text,
        kind text not null,
        payload jsonb not null,
        size_bytes int not null constraint diagnostics_size_bytes_check check (size_bytes >= 0),
        created_at timestamptz not null default now()
      )`);
  }

  override down(): void {
    this.addSql('drop table diagnostics, feedback, downloads, app_versions');
    this.addSql('drop schema tollgate cascade');
    this.addSql(`do $$ begin execute format('alter database %I reset search_path', current_database()); end $$`);
    this.addSql('drop extension citext');
  }
}
