import { Migration } from '@mikro-orm/migrations';

/** Accounts, grants, holds and postings. Every key among them begins with user_id, by which they can later be distributed. */
export class Migration20261122000400_credits extends Migration {
  override up(): void {
    this.createPartitioning();
    this.createTypes();
    this.createAccounts();
    this.createGrants();
    this.createHolds();
    this.createPostings();
    this.createPeriodCloses();
    this.createIdempotencyKeys();
  }

  /**
   * Makes the partition of a month, or the default one for null. Row triggers reach partitions by themselves, those against TRUNCATE do not,
   * so a table that is append-only passes its own on.
   */
  private createPartitioning(): void {
    this.addSql(`
      create function tollgate.add_partition(p_table text, p_month date) returns void language plpgsql as $$
      declare
        partition text := p_table || coalesce(to_char(p_month, '_YYYY_MM'), '_default');
      begin
        if p_month is null then
          execute format('create table %I partition of %I default', partition, p_table);
        else
          execute format('create table %I partition of %I for values from (%L) to (%L)', partition, p_table,
            p_month || ' 00:00:00+00', (p_month + interval '1 month')::date || ' 00:00:00+00');
        end if;
        if exists (select from pg_trigger where tgrelid = p_table::regclass and tgname = p_table || '_no_truncate') then
          execute format('create trigger %I before truncate on %I for each statement execute function tollgate.refuse_change()',
            partition || '_no_truncate', partition);
        end if;
      end $$`);
  }

  private createTypes(): void {
    this.addSql(
      `create type credit_source as enum ('subscription', 'rollover', 'purchase', 'promo', 'adjustment', 'proration')`,
    );
    this.addSql(`create type hold_state as enum ('pending', 'settled', 'voided', 'expired', 'settled_late')`);
    this
      .addSql(`create type posting_kind as enum ('grant', 'usage', 'expiry', 'roll_out', 'roll_in', 'forfeit', 'adjustment', 'refund',
      'debt', 'debt_repayment')`);
    this.addSql(`create type idempotency_state as enum ('in_progress', 'done')`);
  }

  private createAccounts(): void {
    // No index on a column that changes per request, and room on the page: every reserve and settle stays a HOT update.
    this.addSql(`
      create table credit_accounts (
        user_id uuid not null,
        balance_ucr bigint not null default 0,
        held_ucr bigint not null default 0,
        debt_ucr bigint not null default 0,
        pending_count integer not null default 0,
        next_due_at timestamptz,
        suspended_at timestamptz,
        minute_at timestamptz not null,
        minute_requests integer not null default 0,
        minute_tokens bigint not null default 0,
        day_at timestamptz not null,
        day_requests integer not null default 0,
        day_tokens bigint not null default 0,
        month_at timestamptz not null,
        month_requests integer not null default 0,
        month_tokens bigint not null default 0,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint credit_accounts_pkey primary key (user_id),
        constraint credit_accounts_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint credit_accounts_amounts_check check (
          balance_ucr >= 0 and held_ucr >= 0 and debt_ucr >= 0 and pending_count >= 0 and held_ucr <= balance_ucr
        )
      ) with (fillfactor = 50)`);
  }

  private createGrants(): void {
    this.addSql(`
      create table credits (
        user_id uuid not null,
        id uuid not null,
        subscription_id uuid,
        grant_key text not null,
        source credit_source not null,
        period_index integer,
        period_start timestamptz,
        period_end timestamptz,
        total_ucr bigint not null,
        used_ucr bigint not null default 0,
        expired_ucr bigint not null default 0,
        held_ucr bigint not null default 0,
        remaining_ucr bigint generated always as (total_ucr - used_ucr - expired_ucr) stored not null,
        priority smallint not null,
        effective_at timestamptz not null,
        expires_at timestamptz,
        closed_at timestamptz,
        reason text,
        granted_by uuid,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint credits_pkey primary key (user_id, id),
        constraint credits_user_id_grant_key_unique unique (user_id, grant_key),
        constraint credits_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint credits_subscription_id_foreign foreign key (subscription_id) references subscriptions (id) on delete set null,
        constraint credits_granted_by_foreign foreign key (granted_by) references users (id) on delete set null,
        constraint credits_amounts_check check (
          total_ucr >= 0 and used_ucr >= 0 and expired_ucr >= 0 and held_ucr >= 0 and remaining_ucr >= 0 and held_ucr <= remaining_ucr
        )
      ) with (fillfactor = 60)`);
    // Never "where remaining_ucr > 0": an amount in a predicate would end HOT updates.
    this.addSql(`create index credits_open_index on credits (user_id) where closed_at is null`);
    this.addSql(`create index credits_subscription_id_index on credits (subscription_id)`);
    this.addSql(`create index credits_granted_by_index on credits (granted_by)`);
  }

  private createHolds(): void {
    this.addSql(`
      create table credit_holds (
        user_id uuid not null,
        id uuid not null,
        access_id uuid not null,
        model_id varchar(100) not null,
        model_version_no integer not null,
        amount_ucr bigint not null,
        bound_tokens integer not null,
        slices jsonb not null,
        state hold_state not null default 'pending',
        expires_at timestamptz not null,
        ended_at timestamptz,
        cost_ucr bigint,
        new_debt_ucr bigint not null default 0,
        attempts_charged smallint not null default 0,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint credit_holds_pkey primary key (user_id, id),
        constraint credit_holds_user_id_foreign foreign key (user_id) references users (id) on delete restrict,
        constraint credit_holds_amounts_check check (
          amount_ucr >= 0 and bound_tokens >= 0 and cost_ucr >= 0 and new_debt_ucr >= 0 and attempts_charged >= 0
        )
      ) with (fillfactor = 70)`);
    // BRIN, not a partial btree on pending holds: the latter makes every settle a non-HOT update and attracts the planner.
    this.addSql(`create index credit_holds_expires_at_index on credit_holds using brin (expires_at)`);
  }

  private createPostings(): void {
    this.addSql(`
      create table credit_postings (
        user_id uuid not null,
        id uuid not null,
        credit_id uuid,
        hold_id uuid,
        kind posting_kind not null,
        amount_ucr bigint not null,
        actor_id uuid,
        reason text,
        created_at timestamptz not null,
        constraint credit_postings_pkey primary key (user_id, created_at, id),
        constraint credit_postings_user_id_foreign foreign key (user_id) references users (id) on delete restrict,
        constraint credit_postings_actor_id_foreign foreign key (actor_id) references users (id) on delete restrict,
        constraint credit_postings_amount_check check (amount_ucr <> 0)
      ) partition by range (created_at)`);
    this.addSql(`create index credit_postings_credit_id_index on credit_postings (credit_id)`);
    this.addSql(`create index credit_postings_actor_id_index on credit_postings (actor_id)`);
    this.refuseChange('credit_postings');
    this.addPartitions('credit_postings');

    this.addSql(`
      create table credit_reversals (
        user_id uuid not null,
        original_id uuid not null,
        reversal_id uuid not null,
        created_at timestamptz not null,
        constraint credit_reversals_pkey primary key (user_id, original_id),
        constraint credit_reversals_user_id_reversal_id_unique unique (user_id, reversal_id),
        constraint credit_reversals_user_id_foreign foreign key (user_id) references users (id) on delete restrict
      )`);
  }

  private createPeriodCloses(): void {
    this.addSql(`
      create table period_closes (
        user_id uuid not null,
        subscription_id uuid not null,
        period_index integer not null,
        left_ucr bigint not null,
        carried_ucr bigint not null,
        cap_left_ucr bigint not null,
        forfeited_ucr bigint not null,
        closed_at timestamptz not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint period_closes_pkey primary key (user_id, subscription_id, period_index),
        constraint period_closes_user_id_foreign foreign key (user_id) references users (id) on delete restrict,
        constraint period_closes_subscription_id_foreign
          foreign key (subscription_id) references subscriptions (id) on delete restrict,
        constraint period_closes_amounts_check check (
          left_ucr >= 0 and carried_ucr >= 0 and cap_left_ucr >= 0 and forfeited_ucr >= 0
        )
      )`);
    this.addSql(`create index period_closes_subscription_id_index on period_closes (subscription_id)`);
  }

  private createIdempotencyKeys(): void {
    this.addSql(`
      create table idempotency_keys (
        user_id uuid not null,
        route text not null,
        key varchar(255) not null,
        request_id uuid not null,
        request_hash bytea not null,
        state idempotency_state not null,
        status smallint,
        headers jsonb,
        body_sealed bytea,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint idempotency_keys_pkey primary key (user_id, route, key),
        constraint idempotency_keys_user_id_foreign foreign key (user_id) references users (id) on delete cascade
      )`);
    // A hold that is voided or expires gives its key back, and knows only its own id.
    this.addSql(`create index idempotency_keys_user_id_request_id_index on idempotency_keys (user_id, request_id)`);
  }

  /** Months up to the end of 2027 and a default one, so that no line is ever refused for want of a partition. */
  private addPartitions(table: string): void {
    this.addSql(`
      select tollgate.add_partition('${table}', month::date)
      from generate_series(timestamp '2026-01-01', timestamp '2027-12-01', interval '1 month') as month`);
    this.addSql(`select tollgate.add_partition('${table}', null)`);
  }

  private refuseChange(table: string): void {
    this.addSql(
      `create trigger ${table}_append_only before update or delete on ${table} for each row execute function tollgate.refuse_change()`,
    );
    this.addSql(
      `create trigger ${table}_no_truncate before truncate on ${table} for each statement execute function tollgate.refuse_change()`,
    );
  }

  override down(): void {
    for (const table of [
      'idempotency_keys',
      'period_closes',
      'credit_reversals',
      'credit_postings',
      'credit_holds',
      'credits',
      'credit_accounts',
    ]) {
      this.addSql(`drop table ${table}`);
    }
    for (const type of ['idempotency_state', 'posting_kind', 'hold_state', 'credit_source']) {
      this.addSql(`drop type ${type}`);
    }
    this.addSql('drop function tollgate.add_partition');
  }
}
