import { Migration } from '@mikro-orm/migrations';

interface ArchivedTable {
  name: string;
  primaryKey: string;
  /** By column; each is RESTRICT. */
  foreignKeys: Record<string, string>;
  /** What comes after `create index <name> on <archive>`, by the end of its name. */
  indexes: Record<string, string>;
}

const TABLES: readonly ArchivedTable[] = [
  {
    name: 'token_usage_ledger',
    primaryKey: 'user_id, created_at, id',
    foreignKeys: { user_id: 'users', model_id: 'models' },
    indexes: {
      image_count: '(image_count) where image_count > 0',
      model_id_created_at: '(model_id, created_at)',
      hold_id: '(hold_id)',
      tx_id: 'using brin ((tx_id::text::bigint))',
    },
  },
  {
    name: 'credit_postings',
    primaryKey: 'user_id, created_at, id',
    foreignKeys: { user_id: 'users', actor_id: 'users' },
    indexes: { credit_id: '(credit_id)', actor_id: '(actor_id)' },
  },
  {
    name: 'audit_trail',
    primaryKey: 'created_at, id',
    foreignKeys: { actor_id: 'users' },
    indexes: {
      entity_entity_id: '(entity, entity_id)',
      actor_id_created_at: '(actor_id, created_at)',
      action_created_at: '(action, created_at)',
      request_id: '(request_id)',
    },
  },
];

/**
 * Where old months go: beside each table that is kept for ever an archive of the same shape, whose partitions are its former ones, and a view
 * over both, which is what everything reads.
 */
export class Migration20261130060000_month_archive extends Migration {
  override up(): void {
    for (const table of TABLES) this.createArchive(table);
    this.createMove();
    this.historyReads('token_usage_ledger_all');
  }

  private createArchive({ name, primaryKey, foreignKeys, indexes }: ArchivedTable): void {
    const archive = `${name}_archive`;
    this.addSql(
      `create table ${archive} (like ${name} including defaults including constraints) partition by range (created_at)`,
    );
    this.addSql(`alter table ${archive} add constraint ${archive}_pkey primary key (${primaryKey})`);
    for (const [column, target] of Object.entries(foreignKeys))
      this.addSql(`alter table ${archive} add constraint ${archive}_${column}_foreign
        foreign key (${column}) references ${target} (id) on delete restrict`);
    for (const [suffix, definition] of Object.entries(indexes))
      this.addSql(`create index ${archive}_${suffix}_index on ${archive} ${definition}`);
    this.addSql(`create trigger ${archive}_append_only before update or delete on ${archive}
      for each row execute function tollgate.refuse_change()`);
    this.addSql(`create trigger ${archive}_no_truncate before truncate on ${archive}
      for each statement execute function tollgate.refuse_change()`);
    this.addSql(`create view ${name}_all as select * from ${name} union all select * from ${archive}`);
  }

  /**
   * No row is copied, and no statement sees a month twice or not at all: whoever reads the view locks the table first, and the lock taken here
   * first excludes all of them.
   */
  private createMove(): void {
    this.addSql(`
      create function tollgate.move_month(p_table text, p_month date, p_to_archive boolean) returns void language plpgsql as $$
      declare
        archive text := p_table || '_archive';
        partition text := p_table || to_char(p_month, '_YYYY_MM');
      begin
        execute format('lock table only %I, only %I in access exclusive mode', p_table, archive);
        execute format('alter table %I detach partition %I', case when p_to_archive then p_table else archive end, partition);
        execute format('alter table %I attach partition %I for values from (%L) to (%L)', case when p_to_archive then archive else p_table end,
          partition, p_month || ' 00:00:00+00', (p_month + interval '1 month')::date || ' 00:00:00+00');
      end $$`);
  }

  /** The ledger as a user reads it. */
  private historyReads(source: string): void {
    this.addSql(`
      create or replace view usage_history as
      select id, user_id, request_id, model_id, operation, input_tokens, output_tokens, input_tokens + output_tokens as tokens,
        image_count as images, (credits_ucr::numeric / 1000000)::numeric(20, 6) as credits_used, metadata, created_at
      from ${source}`);
  }

  override down(): void {
    this.historyReads('token_usage_ledger');
    for (const { name } of TABLES) {
      this.addSql(`
        select tollgate.move_month('${name}', to_date(right(c.relname, 7), 'YYYY_MM'), false)
        from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = '${name}_archive'::regclass`);
      this.addSql(`drop view ${name}_all`);
      this.addSql(`drop table ${name}_archive`);
    }
    this.addSql(`drop function tollgate.move_month`);
  }
}
