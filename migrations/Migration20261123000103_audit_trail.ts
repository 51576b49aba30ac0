import { Migration } from '@mikro-orm/migrations';

/** Who changed what: one line per write of an operator, append-only, by month. */
export class Migration20261123000103_audit_trail extends Migration {
  override up(): void {
    this.addSql(`
      create table audit_trail (
        id uuid not null,
        actor_id uuid,
        action text not null,
        entity text not null,
        entity_id text not null,
        before jsonb,
        after jsonb,
        reason text,
        ip inet,
        request_id uuid,
        created_at timestamptz not null,
        constraint audit_trail_pkey primary key (created_at, id),
        constraint audit_trail_actor_id_foreign foreign key (actor_id) references users (id) on delete restrict
      ) partition by range (created_at)`);
    this.addSql(`create index idx_audit_trail_entity on audit_trail (entity, entity_id)`);
    this.addSql(`create index idx_audit_trail_actor_created on audit_trail (actor_id, created_at)`);
    this.addSql(
      `create trigger audit_trail_append_only before update or delete on audit_trail for each row execute function tollgate.refuse_change()`,
    );
    this.addSql(
      `create trigger audit_trail_no_truncate before truncate on audit_trail for each statement execute function tollgate.refuse_change()`,
    );
    this.addSql(`
      select tollgate.add_partition('audit_trail', month::date)
      from generate_series(timestamp '2026-01-01', timestamp '2027-12-01', interval '1 month') as month`);
    this.addSql(`select tollgate.add_partition('audit_trail', null)`);
  }

  override down(): void {
    this.addSql(`drop table audit_trail`);
  }
}
