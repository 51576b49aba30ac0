import { MikroORM } from '@mikro-orm/postgresql';
import { UPWARD_FOREIGN_KEYS } from '../../src/database/upward-foreign-keys.js';
import { operatorsMessage } from '../../src/inference/operators-message.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import { testConfig } from '../support/test-config.js';
import { migrateAndSeed } from '../support/migrate-and-seed.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/test-server.js';

async function open(database: TestDatabase): Promise<MikroORM> {
  return MikroORM.init(ormOptions(database.url, testConfig(), false));
}

function withoutUpwardKeys(sql: string): string[] {
  const statements = sql.split('\n').filter((line) => line && line !== "set names 'utf8';");
  return statements.filter((line) => !UPWARD_FOREIGN_KEYS.some((key) => line.endsWith(`drop constraint "${key}";`)));
}

/** Everything in the schemas we own, one line per column, constraint, index, trigger, function and enum value. */
async function describeSchema(orm: MikroORM): Promise<string[]> {
  const rows = await orm.em.getConnection().execute<{ line: string }[]>(`
    with ours as (select oid, nspname from pg_namespace where nspname in ('public', 'tollgate'))
    select 'column ' || table_schema || '.' || table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' ||
           coalesce(column_default, '') || coalesce(generation_expression, '') as line
      from information_schema.columns where table_schema in (select nspname from ours)
    union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(c.oid)
      from pg_constraint c where connamespace in (select oid from ours) and conrelid <> 0
    union all select 'index ' || indexdef from pg_indexes where schemaname in (select nspname from ours)
    union all select 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t join pg_class r on r.oid = tgrelid
      where not tgisinternal and relnamespace in (select oid from ours)
    union all select 'function ' || pg_get_functiondef(p.oid) from pg_proc p
      where pronamespace in (select oid from ours) and prokind = 'f' and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
    union all select 'enum ' || t.typname || ' ' || e.enumlabel from pg_enum e join pg_type t on t.oid = e.enumtypid
    order by 1`);
  return rows.map((row) => row.line).filter((line) => !line.includes('mikro_orm_migrations'));
}

describe('migrations', () => {
  it('leave no difference to the entities', async () => {
    const database = await createTestDatabase();
    const orm = await open(database);
    try {
      const sql = await orm.schema.getUpdateSchemaSQL();
      for (const key of UPWARD_FOREIGN_KEYS) expect(sql).toContain(key);
      expect(withoutUpwardKeys(sql)).toEqual([]);
    } finally {
      await orm.close();
      await database.drop();
    }
  });

  it('leave the same schema after each step is taken up, down and up again', async () => {
    const database = await createEmptyDatabase();
    const orm = await open(database);
    try {
      const pending = await orm.migrator.getPending();
      expect(pending.length).toBeGreaterThan(0);
      for (const { name } of pending) {
        const before = await describeSchema(orm);
        await orm.migrator.up({ migrations: [name] });
        const after = await describeSchema(orm);
        await orm.migrator.down({ migrations: [name] });
        expect(await describeSchema(orm)).toEqual(before);
        await orm.migrator.up({ migrations: [name] });
        expect(await describeSchema(orm)).toEqual(after);
      }
    } finally {
      await orm.close();
      await database.drop();
    }
  });

  it('take out of how models did what a provider quoted of a request, and leave the rest', async () => {
    const database = await createTestDatabase();
    const orm = await open(database);
    const messages = async () =>
      (
        await orm.em
          .getConnection()
          .execute<{ error_message: string | null }[]>(
            'select error_message from ai_model_performance order by model_name',
          )
      ).map((row) => row.error_message);
    const name = 'Migration20261201050000_refusals_without_quotes';
    try {
      await orm.migrator.down({ migrations: [name] });
      await orm.em.getConnection().execute(`
        insert into ai_model_performance (id, model_name, response_time_ms, success_rate, error_message, created_at)
        select gen_random_uuid(), model, 1, 0, message, now() from (values
          ('a', 'The provider refused the request: Invalid prompt "my secret plan". Nothing was charged. Request 7.'),
          ('b', 'The provider failed. Request 7.'), ('c', null)) as r (model, message)`);
      await orm.migrator.up({ migrations: [name] });
      const told = [expect.not.stringContaining('secret'), 'The provider failed. Request 7.', null];
      expect(await messages()).toEqual(told);
      await orm.migrator.down({ migrations: [name] });
      await orm.migrator.up({ migrations: [name] });
      expect(await messages()).toEqual([operatorsMessage('provider_rejected', ''), ...told.slice(1)]);
    } finally {
      await orm.close();
      await database.drop();
    }
  });

  // Removed once: the ORM of maintenance in `migrateAndSeedCatalogue`. A start then migrates under the ten seconds that a request may take.
  it('are not bound, at a start, by the time that a request may take', async () => {
    const database = await createEmptyDatabase();
    const orm = await open(database);
    try {
      await orm.em.getConnection().execute(`
        create schema watch;
        create table watch.limits (value text);
        create function watch.note() returns event_trigger language plpgsql as
          $$ begin insert into watch.limits values (current_setting('transaction_timeout')); end $$;
        create event trigger watch on ddl_command_end execute function watch.note();`);
      await migrateAndSeed(database.url);
      const seen = await orm.em.getConnection().execute(`select distinct value from watch.limits`);
      expect(seen).toEqual([{ value: '0' }]);
    } finally {
      await orm.close();
      await database.drop();
    }
  });
});
