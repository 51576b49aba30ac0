import { Migration } from '@mikro-orm/migrations';

/** What is known of the health of providers, over all replicas: the state of each circuit, how often what went wrong, and the last of it. */
export class Migration20261123000701_resilience extends Migration {
  override up(): void {
    this.addSql(`create type circuit_state as enum ('closed', 'open', 'half_open')`);
    // Open without a next probe: an operator opened it, and it stays so until one closes it.
    this.addSql(`
      create table circuit_breaker_status (
        provider varchar(100) not null,
        model_id varchar(100) not null,
        state circuit_state not null default 'closed',
        failure_count integer not null default 0,
        opened_at timestamptz,
        next_probe_at timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        primary key (provider, model_id),
        constraint circuit_breaker_status_opened_check check ((state = 'closed') = (opened_at is null))
      )`);
    this.addSql(`
      create table error_metrics (
        error_type varchar(100) not null,
        provider varchar(100) not null,
        time_window timestamptz not null,
        count integer not null default 0,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        primary key (error_type, provider, time_window)
      )`);
    this.addSql(`
      create table error_logs (
        id uuid primary key,
        error_type varchar(100) not null,
        message text not null,
        context jsonb not null default '{}',
        request_id uuid,
        created_at timestamptz not null default now()
      )`);
    this.addSql(`create index error_logs_created_at_index on error_logs (created_at)`);
  }

  override down(): void {
    this.addSql(`drop table error_logs, error_metrics, circuit_breaker_status`);
    this.addSql(`drop type circuit_state`);
  }
}
