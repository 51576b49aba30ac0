import { Migration } from '@mikro-orm/migrations';

/**
 * The lives of rows, as somebody follows them. A table whose rows are followed has the trigger `tollgate.forget_events`, so that events go
 * with their row.
 */
export class Migration20261130040000_entity_events extends Migration {
  override up(): void {
    this.addSql(`
      create table entity_events (
        entity_id uuid not null,
        sequence integer not null,
        user_id uuid not null,
        name varchar(50) not null,
        data jsonb not null default '{}',
        is_last boolean not null default false,
        created_at timestamptz not null,
        constraint entity_events_pkey primary key (entity_id, sequence),
        constraint entity_events_user_id_foreign foreign key (user_id) references users (id) on delete cascade
      )`);
    this.addSql(`create index entity_events_user_id_index on entity_events (user_id)`);
    this.addSql(`
      create function tollgate.forget_events() returns trigger language plpgsql as $$
      begin
        delete from entity_events where entity_id in (select id from gone);
        return null;
      end $$`);
  }

  override down(): void {
    this.addSql('drop function tollgate.forget_events()');
    this.addSql('drop table entity_events');
  }
}
