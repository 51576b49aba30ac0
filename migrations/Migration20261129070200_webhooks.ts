import { Migration } from '@mikro-orm/migrations';

/** Where alerts are sent, and each sending of one. */
export class Migration20261129070200_webhooks extends Migration {
  override up(): void {
    this.addSql(`create type webhook_delivery_state as enum ('pending', 'delivered', 'failed')`);
    this.addSql(`
      create table webhook_endpoints (
        id uuid not null,
        url text not null,
        secret_sealed bytea not null,
        events text[] not null,
        is_active boolean not null default true,
        created_by uuid,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint webhook_endpoints_pkey primary key (id),
        constraint webhook_endpoints_created_by_foreign foreign key (created_by) references users (id) on delete set null
      )`);
    this.addSql(`create index webhook_endpoints_created_by_index on webhook_endpoints (created_by)`);
    this.addSql(`
      create table webhook_deliveries (
        id uuid not null,
        endpoint_id uuid not null,
        event text not null,
        payload jsonb not null,
        state webhook_delivery_state not null default 'pending',
        attempts integer not null default 0,
        next_attempt_at timestamptz not null,
        response_status smallint,
        last_error text,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        constraint webhook_deliveries_pkey primary key (id),
        constraint webhook_deliveries_endpoint_id_foreign foreign key (endpoint_id) references webhook_endpoints (id) on delete cascade
      )`);
    this.addSql(`create index webhook_deliveries_endpoint_id_id_index on webhook_deliveries (endpoint_id, id)`);
    this.addSql(
      `create index webhook_deliveries_next_attempt_at_index on webhook_deliveries (next_attempt_at) where state = 'pending'`,
    );
    this.addSql(`create index webhook_deliveries_created_at_index on webhook_deliveries (created_at)`);
  }

  override down(): void {
    this.addSql(`drop table webhook_deliveries`);
    this.addSql(`drop table webhook_endpoints`);
    this.addSql(`drop type webhook_delivery_state`);
  }
}
