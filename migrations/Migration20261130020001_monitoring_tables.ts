import { Migration } from '@mikro-orm/migrations';

/** What operators look at: the log, the requests of each hour, samples of each process; and the audit trail by what was done. */
export class Migration20261130020001_monitoring_tables extends Migration {
  override up(): void {
    this.createSystemLogs();
    this.createApiUsage();
    this.createPerformanceMetrics();
    this.addSql(`create index idx_audit_trail_action_created on audit_trail (action, created_at)`);
    this.addSql(`create index idx_audit_trail_request on audit_trail (request_id)`);
  }

  private createSystemLogs(): void {
    this.addSql(`create type system_log_level as enum ('debug', 'info', 'warn', 'error')`);
    this.addSql(`
      create table system_logs (
        id uuid not null,
        level system_log_level not null,
        message text not null,
        service text not null,
        metadata jsonb not null default '{}',
        user_id uuid,
        session_id text,
        created_at timestamptz not null,
        constraint system_logs_pkey primary key (created_at, id),
        constraint system_logs_user_id_foreign foreign key (user_id) references users (id) on delete set null
      ) partition by range (created_at)`);
    this.addSql(`create index idx_system_logs_level_created on system_logs (level, created_at)`);
    this.addSql(`create index idx_system_logs_service_created on system_logs (service, created_at)`);
    this.addSql(`create index idx_system_logs_user_created on system_logs (user_id, created_at)`);
    this.addSql(
      `create index idx_system_logs_session_created on system_logs (session_id, created_at) where session_id is not null`,
    );
    this.addSql(`create index idx_system_logs_request on system_logs ((metadata->>'requestId'))`);
    this.addMonths('system_logs');
  }

  private createApiUsage(): void {
    this.addSql(`
      create table api_usage (
        id uuid not null,
        service text not null,
        endpoint text not null,
        method text not null,
        user_id uuid,
        time_window timestamptz not null,
        request_count integer not null default 0,
        success_count integer not null default 0,
        error_count integer not null default 0,
        token_usage bigint not null default 0,
        cost_nusd bigint not null default 0,
        response_ms_sum bigint not null default 0,
        avg_response_ms numeric generated always as (round(response_ms_sum::numeric / greatest(request_count, 1), 3)) stored,
        error_rate numeric generated always as (round(error_count::numeric / greatest(request_count, 1), 6)) stored,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint api_usage_pkey primary key (id),
        constraint api_usage_bucket_unique unique nulls not distinct (service, endpoint, method, user_id, time_window),
        constraint api_usage_user_id_foreign foreign key (user_id) references users (id) on delete cascade
      )`);
    this.addSql(`create index idx_api_usage_service_window on api_usage (service, time_window)`);
    this.addSql(`create index idx_api_usage_user_service_window on api_usage (user_id, service, time_window)`);
    this.addSql(`create index idx_api_usage_cost on api_usage (cost_nusd, time_window)`);
    this.addSql(`create index idx_api_usage_error_rate on api_usage (error_rate, time_window)`);
    this.addSql(`create index idx_api_usage_window on api_usage (time_window, id)`);
  }

  private createPerformanceMetrics(): void {
    this.addSql(`
      create table performance_metrics (
        id uuid not null,
        name text not null,
        value numeric not null,
        unit text not null,
        labels jsonb not null default '{}',
        created_at timestamptz not null,
        constraint performance_metrics_pkey primary key (created_at, id)
      ) partition by range (created_at)`);
    this.addSql(`create index idx_performance_metrics_name_created on performance_metrics (name, created_at)`);
    this.addMonths('performance_metrics');
  }

  /** From the month this was written in; the job that makes months ahead goes on from there. */
  private addMonths(table: string): void {
    this.addSql(`
      select tollgate.add_partition('${table}', month::date)
      from generate_series(timestamp '2026-11-01', greatest(timestamp '2027-02-01', date_trunc('month', now() at time zone 'UTC') + interval '3 months'),
        interval '1 month') as month`);
    this.addSql(`select tollgate.add_partition('${table}', null)`);
  }

  override down(): void {
    this.addSql(`drop index idx_audit_trail_action_created, idx_audit_trail_request`);
    for (const table of ['performance_metrics', 'api_usage', 'system_logs']) this.addSql(`drop table ${table}`);
    this.addSql(`drop type system_log_level`);
  }
}
