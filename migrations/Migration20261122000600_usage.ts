import { Migration } from '@mikro-orm/migrations';

/** The usage ledger with its user-facing view, the hour buckets and the budgets. */
export class Migration20261122000600_usage extends Migration {
  override up(): void {
    this.addSql(
      `create type usage_operation as enum ('completion', 'chat', 'embedding', 'function_call', 'analysis', 'generation')`,
    );
    this.addSql(`create type usage_source as enum ('provider', 'estimated')`);
    this.addSql(`create type usage_outcome as enum ('completed', 'client_aborted', 'provider_error', 'timeout')`);
    this.addSql(`create type price_basis as enum ('standard', 'long_context')`);
    this.addSql(`create type budget_scope as enum ('global', 'tier', 'user', 'model')`);
    this.addSql(`create type budget_period as enum ('day', 'month')`);
    this.createLedger();
    this.createHourly();
    this.createBudgets();
  }

  private createLedger(): void {
    this.addSql(`
      create table token_usage_ledger (
        user_id uuid not null,
        id uuid not null,
        request_id uuid not null,
        hold_id uuid not null,
        attempt_no smallint not null default 1,
        subscription_id uuid,
        model_id varchar(100) not null,
        model_version_no integer not null,
        provider text not null,
        provider_request_id text,
        operation usage_operation not null,
        input_tokens integer not null,
        cached_input_tokens integer not null default 0,
        cache_write_tokens integer not null default 0,
        output_tokens integer not null,
        reasoning_tokens integer not null default 0,
        image_count integer not null default 0,
        image_tokens integer not null default 0,
        price_basis price_basis not null default 'standard',
        credits_ucr bigint not null,
        cost_nusd bigint not null,
        usage_source usage_source not null,
        outcome usage_outcome not null,
        latency_ms integer not null,
        first_token_ms integer,
        metadata jsonb not null default '{}',
        tx_id xid8 not null default pg_current_xact_id(),
        created_at timestamptz not null,
        constraint token_usage_ledger_pkey primary key (user_id, created_at, id),
        constraint token_usage_ledger_user_id_foreign foreign key (user_id) references users (id) on delete restrict,
        constraint token_usage_ledger_model_id_foreign foreign key (model_id) references models (id) on delete restrict,
        constraint token_usage_ledger_amounts_check check (
          input_tokens >= 0 and cached_input_tokens >= 0 and cache_write_tokens >= 0 and output_tokens >= 0 and reasoning_tokens >= 0
          and image_count >= 0 and image_tokens >= 0 and credits_ucr >= 0 and cost_nusd >= 0
        )
      ) partition by range (created_at)`);
    this.addSql(`create index idx_token_usage_image_count on token_usage_ledger (image_count) where image_count > 0`);
    this.addSql(
      `create index token_usage_ledger_model_id_created_at_index on token_usage_ledger (model_id, created_at)`,
    );
    this.addSql(`create index token_usage_ledger_hold_id_index on token_usage_ledger (hold_id)`);
    // xid8 has no BRIN operator class: the job that reads in commit order compares the same number as bigint.
    this.addSql(`create index token_usage_ledger_tx_id_index on token_usage_ledger using brin ((tx_id::text::bigint))`);
    this.addSql(`create trigger token_usage_ledger_append_only before update or delete on token_usage_ledger
      for each row execute function tollgate.refuse_change()`);
    this.addSql(`create trigger token_usage_ledger_no_truncate before truncate on token_usage_ledger
      for each statement execute function tollgate.refuse_change()`);

    this.addSql(`
      select tollgate.add_partition('token_usage_ledger', month::date)
      from generate_series(timestamp '2026-01-01', timestamp '2027-12-01', interval '1 month') as month`);
    this.addSql(`select tollgate.add_partition('token_usage_ledger', null)`);

    this.addSql(`
      create view usage_history as
      select id, user_id, request_id, model_id, operation, input_tokens, output_tokens, input_tokens + output_tokens as tokens,
        image_count as images, (credits_ucr::numeric / 1000000)::numeric(20, 6) as credits_used, metadata, created_at
      from token_usage_ledger`);
  }

  private createHourly(): void {
    this.addSql(`
      create table usage_hourly (
        hour timestamptz not null,
        user_id uuid not null,
        model_id varchar(100) not null,
        operation usage_operation not null,
        request_count integer not null,
        error_count integer not null,
        input_tokens bigint not null,
        cached_input_tokens bigint not null,
        cache_write_tokens bigint not null,
        output_tokens bigint not null,
        image_count integer not null,
        image_tokens bigint not null,
        credits_ucr bigint not null,
        cost_nusd bigint not null,
        latency_buckets integer[] not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint usage_hourly_pkey primary key (hour, user_id, model_id, operation),
        constraint usage_hourly_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint usage_hourly_model_id_foreign foreign key (model_id) references models (id) on delete restrict
      )`);
    this.addSql(`create index usage_hourly_user_id_index on usage_hourly (user_id)`);
    this.addSql(`create index usage_hourly_model_id_index on usage_hourly (model_id)`);
  }

  private createBudgets(): void {
    this.addSql(`
      create table budgets (
        id uuid not null,
        scope budget_scope not null,
        scope_key text,
        period budget_period not null,
        limit_nusd bigint,
        limit_ucr bigint,
        thresholds smallint[] not null default '{50,80,100}',
        is_hard_stop boolean not null default false,
        is_active boolean not null default true,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint budgets_pkey primary key (id),
        constraint budgets_limit_check check ((limit_nusd is null) <> (limit_ucr is null))
      )`);
    this.addSql(`
      create table budget_alerts (
        id uuid not null,
        budget_id uuid not null,
        period_start timestamptz not null,
        threshold smallint not null,
        spent bigint not null,
        created_at timestamptz not null,
        constraint budget_alerts_pkey primary key (id),
        constraint budget_alerts_budget_id_period_start_threshold_unique unique (budget_id, period_start, threshold),
        constraint budget_alerts_budget_id_foreign foreign key (budget_id) references budgets (id) on delete cascade
      )`);
  }

  override down(): void {
    this.addSql(`drop view usage_history`);
    for (const table of ['budget_alerts', 'budgets', 'usage_hourly', 'token_usage_ledger']) {
      this.addSql(`drop table ${table}`);
    }
    for (const type of [
      'budget_period',
      'budget_scope',
      'price_basis',
      'usage_outcome',
      'usage_source',
      'usage_operation',
    ]) {
      this.addSql(`drop type ${type}`);
    }
  }
}
