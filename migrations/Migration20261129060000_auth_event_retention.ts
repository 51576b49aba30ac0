import { Migration } from '@mikro-orm/migrations';

/** Events of sign-ins are kept for a year: after that, and not before, they may be deleted. They still cannot be changed. */
export class Migration20261129060000_auth_event_retention extends Migration {
  override up(): void {
    this.addSql(`
      create function tollgate.refuse_change_for_a_year() returns trigger language plpgsql as $$
      begin
        if tg_op = 'DELETE' and old.created_at < now() - interval '1 year' then
          return old;
        end if;
        raise exception '% on % is refused: the table is append-only', tg_op, tg_table_name using errcode = 'restrict_violation';
      end $$`);
    this.addSql('drop trigger auth_events_refuse_change on auth_events');
    this.addSql(`
      create trigger auth_events_refuse_change before update or delete on auth_events
        for each row execute function tollgate.refuse_change_for_a_year()`);
  }

  override down(): void {
    this.addSql('drop trigger auth_events_refuse_change on auth_events');
    this.addSql(`
      create trigger auth_events_refuse_change before update or delete on auth_events
        for each row execute function tollgate.refuse_change()`);
    this.addSql('drop function tollgate.refuse_change_for_a_year()');
  }
}
