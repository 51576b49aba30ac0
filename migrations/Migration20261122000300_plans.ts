import { Migration } from '@mikro-orm/migrations';

/** Plans, subscriptions and what happened to them. */
export class Migration20261122000300_plans extends Migration {
  override up(): void {
    this.addSql(`create type subscription_tier as enum ('free', 'pro', 'pro_max', 'enterprise')`);
    this.addSql(`create type subscription_status as enum ('active', 'cancelled', 'expired', 'suspended')`);
    this.addSql(`create type subscription_change_state as enum ('scheduled', 'applied', 'replaced', 'cancelled')`);

    this.addSql(`
      create table plans (
        tier subscription_tier not null,
        rank smallint not null,
        display_name text not null,
        monthly_credits_ucr bigint not null,
        rollover_percent smallint not null default 0,
        rollover_max_ucr bigint not null default 0,
        rollover_min_carry_ucr bigint not null,
        rollover_periods smallint not null default 1,
        concurrent_requests integer not null,
        requests_per_minute integer not null,
        tokens_per_minute integer,
        requests_per_day integer,
        tokens_per_day bigint,
        requests_per_month integer,
        tokens_per_month bigint,
        trial_days smallint not null default 0,
        grace_days smallint not null default 0,
        redirect_legacy_models boolean not null default false,
        stripe_price_id text,
        is_public boolean not null default true,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint plans_pkey primary key (tier),
        constraint plans_rank_unique unique (rank),
        constraint plans_amounts_check check (
          monthly_credits_ucr >= 0 and rollover_max_ucr >= 0 and rollover_min_carry_ucr >= 0 and rollover_periods >= 1
          and rollover_percent >= 0 and rollover_percent <= 100
        )
      )`);

    this.addSql(`
      create table subscriptions (
        id uuid not null,
        user_id uuid not null,
        tier subscription_tier not null,
        status subscription_status not null default 'active',
        billing_anchor_at timestamptz not null,
        period_index integer not null default 0,
        current_period_start timestamptz not null,
        current_period_end timestamptz not null,
        cancel_at_period_end boolean not null default false,
        trial_ends_at timestamptz,
        grace_ends_at timestamptz,
        stripe_customer_id text,
        stripe_subscription_id text,
        version integer not null default 1,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint subscriptions_pkey primary key (id),
        constraint subscriptions_stripe_subscription_id_unique unique (stripe_subscription_id),
        constraint subscriptions_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint subscriptions_period_check check (period_index >= 0 and current_period_start < current_period_end)
      )`);
    this.addSql(`create index subscriptions_user_id_index on subscriptions (user_id)`);
    this.addSql(
      `create unique index subscriptions_live_unique on subscriptions (user_id) where status in ('active', 'suspended')`,
    );

    this.addSql(`
      create table subscription_changes (
        id uuid not null,
        user_id uuid not null,
        subscription_id uuid not null,
        from_tier subscription_tier not null,
        to_tier subscription_tier not null,
        effective_at timestamptz not null,
        state subscription_change_state not null,
        requested_by uuid,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint subscription_changes_pkey primary key (id),
        constraint subscription_changes_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
        constraint subscription_changes_subscription_id_foreign
          foreign key (subscription_id) references subscriptions (id) on delete cascade,
        constraint subscription_changes_requested_by_foreign
          foreign key (requested_by) references users (id) on delete set null
      )`);
    this.addSql(`create index subscription_changes_user_id_index on subscription_changes (user_id)`);
    this.addSql(`create index subscription_changes_subscription_id_index on subscription_changes (subscription_id)`);
    this.addSql(`create index subscription_changes_requested_by_index on subscription_changes (requested_by)`);
    this.addSql(
      `create unique index subscription_changes_scheduled_unique on subscription_changes (subscription_id) where state = 'scheduled'`,
    );

    this.addSql(`
      create table subscription_events (
        id uuid not null,
        subscription_id uuid not null,
        from_tier subscription_tier,
        to_tier subscription_tier,
        from_status subscription_status,
        to_status subscription_status,
        reason text not null,
        actor_id uuid,
        payload jsonb not null default '{}',
        created_at timestamptz not null,
        constraint subscription_events_pkey primary key (id),
        constraint subscription_events_subscription_id_foreign
          foreign key (subscription_id) references subscriptions (id) on delete cascade,
        constraint subscription_events_actor_id_foreign foreign key (actor_id) references users (id) on delete set null
      )`);
    this.addSql(`create index subscription_events_subscription_id_index on subscription_events (subscription_id)`);
    this.addSql(`create index subscription_events_actor_id_index on subscription_events (actor_id)`);

    this.addSql(`
      create table stripe_events (
        event_id text not null,
        type text not null,
        stripe_created_at timestamptz not null,
        payload jsonb not null,
        processed_at timestamptz,
        error text,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint stripe_events_pkey primary key (event_id)
      )`);
  }

  override down(): void {
    for (const table of ['stripe_events', 'subscription_events', 'subscription_changes', 'subscriptions', 'plans']) {
      this.addSql(`drop table ${table}`);
    }
    for (const type of ['subscription_change_state', 'subscription_status', 'subscription_tier']) {
      this.addSql(`drop type ${type}`);
    }
  }
}
