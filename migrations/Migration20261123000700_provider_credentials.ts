import { Migration } from '@mikro-orm/migrations';

/**
 * Accounts at providers that operators keep in the database, sealed. Every replica hears of a change when it is committed: the trigger is the
 * one place that cannot be passed by.
 */
export class Migration20261123000700_provider_credentials extends Migration {
  override up(): void {
    this.addSql(`
      create table provider_credentials (
        id uuid primary key,
        provider varchar(100) not null,
        name varchar(100) not null,
        secret_sealed bytea not null,
        base_url text,
        is_active boolean not null default true,
        last_verified_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint provider_credentials_provider_name_unique unique (provider, name)
      )`);
    this.addSql(`
      create function tollgate.notify_providers() returns trigger language plpgsql as $$
      begin
        perform pg_notify('tollgate_providers', '');
        return null;
      end $$`);
    this.addSql(`
      create trigger provider_credentials_notify after insert or delete or update of secret_sealed, base_url, is_active
        on provider_credentials for each statement execute function tollgate.notify_providers()`);
  }

  override down(): void {
    this.addSql(`drop table provider_credentials`);
    this.addSql(`drop function tollgate.notify_providers()`);
  }
}
