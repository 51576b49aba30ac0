import type { MikroORM } from '@mikro-orm/postgresql';

/** What a database consists of, by kind; names are unique within their kind. */
export const SCHEMA_KINDS = [
  'settings',
  'extensions',
  'enums',
  'tables',
  'columns',
  'keys',
  'checks',
  'foreignKeys',
  'indexes',
  'triggers',
  'views',
  'functions',
] as const;
export type SchemaKind = (typeof SCHEMA_KINDS)[number];

/**
 * Every object of the schemas `public` and `tollgate` with its definition in PostgreSQL's own words. What belongs to a table is named
 * `table.object`. Partitions are left out: they come and go with the months, and what their parent has they have.
 */
export type SchemaDescription = Record<SchemaKind, Record<string, string>>;

/** Reads what there is. Writes nothing. */
export async function describeSchema(orm: MikroORM): Promise<SchemaDescription> {
  const rows = await orm.em
    .getConnection()
    .execute<{ kind: SchemaKind; name: string; definition: string }[]>(DESCRIPTION_SQL);
  const description = Object.fromEntries(SCHEMA_KINDS.map((kind) => [kind, {}])) as SchemaDescription;
  for (const { kind, name, definition } of rows) description[kind][name] = definition;
  return description;
}

/**
 * `not null` is read from the column, not from the constraint that PostgreSQL 18 makes of it, and a function by the hash of its body: both
 * are the same in every version from 16 on. An index that was left invalid, a trigger that is switched off and a foreign key that was never
 * validated say so in their definitions, and so differ from the contract.
 */
const DESCRIPTION_SQL = `
  with relation as (
    select c.oid, quote_ident(c.relname) as name, c.relkind, c.reloptions
      from pg_class c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition
       and c.relname <> 'mikro_orm_migrations'
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  ), base as (select * from relation where relkind in ('r', 'p'))
  select 'settings' as kind, split_part(entry, '=', 1) as name, substr(entry, strpos(entry, '=') + 1) as definition
    from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) as entry
   where d.datname = current_database() and s.setrole = 0 and entry like 'search\\_path=%'
  union all
  select 'extensions', extname, 'installed' from pg_extension
  union all
  select 'enums', quote_ident(t.typname), (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid)
    from pg_type t where t.typtype = 'e' and t.typnamespace = 'public'::regnamespace
  union all
  select 'tables', name, concat_ws(' ', 'table', case when relkind = 'p' then 'partition by ' || pg_get_partkeydef(oid) end,
           (select 'with (' || option || ')' from unnest(reloptions) as option where option like 'fillfactor=%'))
    from base
  union all
  select 'columns', base.name || '.' || quote_ident(a.attname),
         concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
           case a.attgenerated when 's' then 'generated always as ' || value || ' stored'
                               when 'v' then 'generated always as ' || value || ' virtual' else 'default ' || value end)
    from base join pg_attribute a on a.attrelid = base.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   cross join lateral (select pg_get_expr(d.adbin, d.adrelid) as value) as expression
  union all
  select case c.contype when 'f' then 'foreignKeys' when 'c' then 'checks' else 'keys' end,
         base.name || '.' || quote_ident(c.conname), pg_get_constraintdef(c.oid)
    from base join pg_constraint c on c.conrelid = base.oid and c.contype in ('p', 'u', 'x', 'c', 'f')
  union all
  select 'indexes', base.name || '.' || quote_ident(i.relname),
         replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ') || case when x.indisvalid then '' else ' (invalid)' end
    from base join pg_index x on x.indrelid = base.oid join pg_class i on i.oid = x.indexrelid
   where not exists (select from pg_constraint c where c.conindid = x.indexrelid and c.contype in ('p', 'u', 'x') and c.conrelid = base.oid)
  union all
  select 'triggers', base.name || '.' || quote_ident(t.tgname),
         pg_get_triggerdef(t.oid, true) || case when exists (
           select from pg_trigger p where (p.oid = t.oid or p.tgparentid = t.oid) and p.tgenabled <> 'O') then ' (switched off)' else '' end
    from base join pg_trigger t on t.tgrelid = base.oid and not t.tgisinternal
  union all
  select 'views', name, regexp_replace(trim(pg_get_viewdef(oid)), '\\s+', ' ', 'g') from relation where relkind in ('v', 'm')
  union all
  select 'functions', p.pronamespace::regnamespace || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
         concat_ws(' ', 'returns', pg_get_function_result(p.oid), 'body', md5(p.prosrc), array_to_string(p.proconfig, ' '))
    from pg_proc p
   where p.pronamespace in (select oid from pg_namespace where nspname in ('public', 'tollgate')) and p.prokind in ('f', 'p')
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  order by 1, 2`;
