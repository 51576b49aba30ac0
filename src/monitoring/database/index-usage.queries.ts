/** A partition and its index count as their parents: `root` is the table or index that a name stands for. */
const ROOT = (relation: string): string => `coalesce(pg_partition_root(${relation}), ${relation})`;

export const TABLES_SQL = `
  select quote_ident(root.relname) as name, root.relkind = 'p' as "isPartitioned", sum(s.n_live_tup)::float8 as rows,
         sum(s.seq_scan)::float8 as "sequentialScans", sum(s.seq_tup_read)::float8 as "sequentialRows",
         sum(coalesce(s.idx_scan, 0))::float8 as "indexScans"
    from pg_stat_user_tables s join pg_class root on root.oid = ${ROOT('s.relid')}
   where s.schemaname = 'public'
   group by root.relname, root.relkind order by root.relname`;

export const INDEXES_SQL = `
  select quote_ident(root.relname) as name, quote_ident(t.relname) as table, am.amname as method, x.indisunique as "isUnique",
         x.indpred is not null as "isPartial", x.indisvalid as "isValid", c.columns, sum(coalesce(s.idx_scan, 0))::float8 as scans,
         sum(pg_relation_size(s.indexrelid))::float8 as bytes
    from pg_stat_user_indexes s
    join pg_class root on root.oid = ${ROOT('s.indexrelid')}
    join pg_index x on x.indexrelid = root.oid
    join pg_class t on t.oid = x.indrelid
    join pg_am am on am.oid = root.relam
   cross join lateral (
     select array_agg(quote_ident(a.attname) order by k.position) as columns
       from unnest(x.indkey::int2[]) with ordinality as k (attnum, position)
       left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
      where k.position <= x.indnkeyatts) c
   where s.schemaname = 'public'
   group by root.relname, t.relname, am.amname, x.indisunique, x.indpred is not null, x.indisvalid, c.columns order by bytes desc, name`;

/** Not those of a partitioned table without partitions, such as an archive that nothing has come to: it has no rows to be read. */
export const FOREIGN_KEYS_SQL = `
  select quote_ident(t.relname) as table, c.columns
    from pg_constraint k
    join pg_class t on t.oid = k.conrelid
   cross join lateral (
     select array_agg(quote_ident(a.attname) order by u.position) as columns
       from unnest(k.conkey) with ordinality as u (attnum, position)
       join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum) c
   where k.contype = 'f' and t.relnamespace = 'public'::regnamespace and not t.relispartition
     and (t.relkind = 'r' or exists (select from pg_inherits i where i.inhparent = t.oid))`;

export const COLUMNS_SQL = `
  select quote_ident(t.relname) as table, array_agg(quote_ident(a.attname)) as columns
    from pg_class t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
   where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p') and not t.relispartition group by 1`;

/** A database whose statistics were never reset tells no time: they are at least as old as the oldest vacuum or analyze. */
export const COUNTED_SINCE_SQL = `
  select coalesce(stats_reset, (select min(least(last_autoanalyze, last_analyze, last_autovacuum)) from pg_stat_user_tables)) as since
    from pg_stat_database where datname = current_database()`;
