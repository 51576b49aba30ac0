export const OVERVIEW_SQL = `
  select current_setting('server_version') as version, pg_database_size(current_database())::float8 as bytes,
         extract(epoch from now() - pg_postmaster_start_time())::float8 as "uptimeSeconds", pg_is_in_recovery() as "isReplica",
         case when blks_hit + blks_read > 0 then blks_hit::float8 / (blks_hit + blks_read) end as "cacheHitRatio",
         xact_commit::float8 as commits, xact_rollback::float8 as rollbacks, deadlocks::float8 as deadlocks, temp_bytes::float8 as "temporaryBytes",
         age(d.datfrozenxid)::float8 as "transactionIdAge"
    from pg_stat_database s join pg_database d on d.oid = s.datid where d.datname = current_database()`;

export const CONNECTIONS_SQL = `
  select current_setting('max_connections')::integer as max, count(*)::integer as used, count(*) filter (where state = 'active')::integer as active,
         count(*) filter (where state like 'idle in transaction%')::integer as "idleInTransaction",
         count(*) filter (where datname = current_database())::integer as "ofThisDatabase"
    from pg_stat_activity where backend_type = 'client backend'`;

/** Statements are told by their first word alone: their text may hold values. */
export const LONG_TRANSACTIONS_SQL = `
  select pid, coalesce(application_name, '') as application, coalesce(state, 'hidden') as state,
         extract(epoch from now() - xact_start)::float8 as "ageSeconds", upper(substring(query from '^\\s*(\\w+)')) as command, pg_blocking_pids(pid) as "waitsFor"
    from pg_stat_activity
   where datname = current_database() and xact_start < now() - make_interval(secs => ?) and pid <> pg_backend_pid()
   order by xact_start limit 20`;

export const WAITING_SQL = `
  select l.pid, pg_blocking_pids(l.pid) as "waitsFor", l.locktype as lock, l.mode, l.relation::regclass::text as relation,
         extract(epoch from now() - l.waitstart)::float8 as seconds
    from pg_locks l where not l.granted and (l.database is null or l.database = (select oid from pg_database where datname = current_database()))
   order by l.waitstart nulls last limit 20`;

export const REPLICAS_SQL = `
  select coalesce(application_name, '') as name, state, sync_state as "syncState", extract(epoch from replay_lag)::float8 as "lagSeconds",
         case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 end as "lagBytes"
    from pg_stat_replication order by 1`;

export const SLOTS_SQL = `
  select slot_name as name, active as "isActive",
         case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 end as "keptBytes"
    from pg_replication_slots order by 1`;

export const BLOAT_SQL = `
  select relname as table, n_live_tup::float8 as rows, n_dead_tup::float8 as "deadRows",
         n_dead_tup::float8 / greatest(n_live_tup + n_dead_tup, 1) as "deadShare", pg_total_relation_size(relid)::float8 as bytes,
         last_autovacuum as "lastAutovacuum"
    from pg_stat_user_tables where schemaname = 'public' and n_dead_tup >= ? order by n_dead_tup desc limit 20`;

export const PRIVILEGES_SQL = `
  select current_user as role, pg_has_role(current_user, 'pg_read_all_stats', 'usage') as "seesAll",
         (select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements') as schema`;

/** `schema` is where the extension is. Only what reads and writes rows: the texts of other statements may hold secrets, a password of a role among them. */
export const statementsSql = (schema: string): string => `
  select s.calls::float8 as calls, s.total_exec_time as "totalMs", s.mean_exec_time as "meanMs", s.rows::float8 as rows, left(s.query, 500) as text
    from ${schema}.pg_stat_statements s join pg_database d on d.oid = s.dbid
   where d.datname = current_database() and s.query ~* '^\\s*(select|insert|update|delete|with|merge)\\y' and s.query ~ '\\$1'
   order by s.total_exec_time desc limit ?`;
