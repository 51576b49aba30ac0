import { LATENCY_BOUNDS_MS } from '../domain/latency-buckets.js';
import { TIME_UNITS, type TimeUnit } from '../domain/time-buckets.js';

/** The cursor that the rollup has in `job_cursors`. */
export const ROLLUP_CURSOR = 'usage-rollup';

/** What the sums of all users are grouped by, apart from time. */
const GROUPS = ['model_id', 'operation', 'provider', 'tier'] as const;
/** The key of `usage_hourly`. */
const KEYS = ['hour', 'user_id', ...GROUPS] as const;
/** The key of `usage_totals`. */
const TOTAL_KEYS = ['unit', 'start_at', ...GROUPS] as const;

/** What is summed. */
export const AMOUNTS = [
  'request_count',
  'error_count',
  'input_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'output_tokens',
  'image_count',
  'image_tokens',
  'credits_ucr',
  'cost_nusd',
] as const;

/** What is counted by the bounds of latencies. */
export const BUCKETS = ['latency_buckets', 'first_token_buckets'] as const;

export const HOURLY_COLUMNS = [...KEYS, ...AMOUNTS, ...BUCKETS].join(', ');
const TOTAL_COLUMNS = [...TOTAL_KEYS, ...AMOUNTS, ...BUCKETS].join(', ');
/** What sums of all users have beside their time. */
export const GROUPED_COLUMNS = [...GROUPS, ...AMOUNTS, ...BUCKETS].join(', ');

/** The counts of rows of sums, added up by their positions. */
export function sumOfBuckets(column: string): string {
  const counts = [...LATENCY_BOUNDS_MS, null].map((_, index) => `coalesce(sum(${column}[${index + 1}]), 0)`);
  return `array[${counts.join(', ')}]::bigint[]`;
}

/** How many of the column's values are in each bucket; null is in none. */
function bucketCounts(column: string): string {
  const ranges = [...LATENCY_BOUNDS_MS, null].map((bound, index) => {
    const lower = index === 0 ? [] : [`${column} >= ${LATENCY_BOUNDS_MS[index - 1]}`];
    const upper = bound === null ? [] : [`${column} < ${bound}`];
    return `count(*) filter (where ${[...lower, ...upper].join(' and ')})::integer`;
  });
  return `array[${ranges.join(', ')}]`;
}

/** Sums of the ledger rows `l` that `where` picks, in the columns of `usage_hourly`. `width` is the width of a bucket of time. */
export function ledgerSums(where: string, width: '1 hour' | '15 minutes' = '1 hour'): string {
  return `
    select date_bin('${width}', l.created_at, timestamptz '2000-01-01T00:00:00Z') as hour, l.user_id, l.model_id, l.operation, l.provider,
      coalesce(l.metadata->>'tier', 'unknown') as tier,
      count(*)::integer as request_count,
      count(*) filter (where l.outcome in ('provider_error', 'timeout'))::integer as error_count,
      sum(l.input_tokens)::bigint as input_tokens, sum(l.cached_input_tokens)::bigint as cached_input_tokens,
      sum(l.cache_write_tokens)::bigint as cache_write_tokens, sum(l.output_tokens)::bigint as output_tokens,
      sum(l.image_count)::integer as image_count, sum(l.image_tokens)::bigint as image_tokens,
      sum(l.credits_ucr)::bigint as credits_ucr, sum(l.cost_nusd)::bigint as cost_nusd,
      ${bucketCounts('l.latency_ms')} as latency_buckets, ${bucketCounts('l.first_token_ms')} as first_token_buckets
    from token_usage_ledger_all l where ${where}
    group by 1, 2, 3, 4, 5, 6`;
}

/** Sums of all users by the unit, in the columns of `usage_totals`, from rows of sums whose time is in `time`. */
function totalsOf(unit: TimeUnit, source: string, time: string): string {
  const sums = [
    ...AMOUNTS.map((column) => `sum(s.${column})::bigint as ${column}`),
    ...BUCKETS.map((column) => `${sumOfBuckets(`s.${column}`)} as ${column}`),
  ];
  return `
    select '${unit}'::usage_total_unit as unit, date_trunc('${unit}', s.${time}, 'UTC') as start_at,
      ${GROUPS.map((column) => `s.${column}`).join(', ')}, ${sums.join(', ')}
    from (${source}) s group by 1, 2, 3, 4, 5, 6`;
}

/** The order of commits, in the words of the index that serves it. */
const COMMITTED = 'l.tx_id::text::bigint';

/**
 * Ledger rows that a cursor at `position` (`<transaction>/<time>`, see the service) has not read. `is true` keeps the planner from reading an
 * index by time, which nearly all rows pass.
 */
export const UNREAD_ROWS = (position: string): string =>
  `${COMMITTED} >= split_part(${position}, '/', 1)::bigint and (l.created_at > split_part(${position}, '/', 2)::timestamptz) is true`;

/** The same the other way round. */
export const READ_ROWS = (position: string): string =>
  `(${COMMITTED} < split_part(${position}, '/', 1)::bigint or l.created_at <= split_part(${position}, '/', 2)::timestamptz)`;

/** The position of the cursor, and the first when there is none. */
export const ROLLUP_POSITION = `coalesce((select position from job_cursors where name = '${ROLLUP_CURSOR}'), '0/-infinity')`;

/** Adds the unread rows below the horizon `$2` to all sums; `$1` is the position, `$3` the time. Answers how many rows it read. */
export const ADVANCE_SQL = `
  with sums as materialized (${ledgerSums(`${UNREAD_ROWS('$1::text')} and ${COMMITTED} < $2::bigint`)}),
  written as (${addedTo('usage_hourly', KEYS, `select ${HOURLY_COLUMNS} from sums`)}),
  totals as (
    ${addedTo('usage_totals', TOTAL_KEYS, TIME_UNITS.map((unit) => totalsOf(unit, 'select * from sums', 'hour')).join(' union all '))}
  )
  select coalesce(sum(request_count), 0)::text as rows from sums`;

/** Adds these rows, which have the columns of the table in their order, to those of the same key; `$3` is the time. */
function addedTo(table: 'usage_hourly' | 'usage_totals', keys: readonly string[], rows: string): string {
  const columns = [...keys, ...AMOUNTS, ...BUCKETS].join(', ');
  return `
    insert into ${table} (${columns}, created_at, updated_at) select s.*, $3::timestamptz, $3::timestamptz from (${rows}) s
    on conflict (${keys.join(', ')}) do update set
      ${AMOUNTS.map((column) => `${column} = ${table}.${column} + excluded.${column}`).join(', ')},
      ${BUCKETS.map((column) => `${column} = ${addedBuckets(table, column)}`).join(', ')},
      updated_at = excluded.updated_at`;
}

function addedBuckets(table: string, column: string): string {
  return `array(select a + b from unnest(${table}.${column}, excluded.${column}) with ordinality as t(a, b, i) order by i)`;
}

/** Writes all hourly sums from nothing, as of the position `$1`; `$2` is the time. Answers how many rows it read. */
export const REBUILD_SQL = `
  with written as (
    insert into usage_hourly (${HOURLY_COLUMNS}, created_at, updated_at)
    select ${HOURLY_COLUMNS}, $2::timestamptz, $2::timestamptz from (${ledgerSums(READ_ROWS('$1::text'))}) sums
    returning request_count
  )
  select coalesce(sum(request_count), 0)::text as rows from written`;

/** Writes the sums of all users from nothing, hours from the hourly sums and days from those hours; `$1` is the time. */
export const REBUILD_TOTALS_SQL: readonly string[] = [
  totalsOf('hour', 'select * from usage_hourly', 'hour'),
  totalsOf('day', `select * from usage_totals where unit = 'hour'`, 'start_at'),
].map(
  (rows) =>
    `insert into usage_totals (${TOTAL_COLUMNS}, created_at, updated_at) select t.*, $1::timestamptz, $1::timestamptz from (${rows}) t`,
);

/** The oldest transaction that is still open, as the snapshot has it: what is below is decided and seen. */
export const HORIZON_SQL = `select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`;

/**
 * The newest row whose transaction this server has not come to: it was written on another one and brought here by a restore. Where there
 * are such rows, transactions do not order what is older than they are.
 */
export const RESTORED_SQL = `
  select coalesce(to_char(max(l.created_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '-infinity') as until
  from token_usage_ledger_all l where ${COMMITTED} >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint`;

const SHOWN_HOUR = (time: string): string => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')`;

/** Whether sums under the names `one` and `other` are not the same. */
const differ = (one: string, other: string): string => {
  const row = (name: string): string => [...AMOUNTS, ...BUCKETS].map((column) => `${name}.${column}`).join(', ');
  return `(${row(one)}) is distinct from (${row(other)})`;
};

/** Hourly sums that differ from the ledger rows which the cursor has read. */
export const ROLLUP_DIFFERENCES = `
  select user_id, concat_ws(' ', ${SHOWN_HOUR('hour')}, model_id, operation, provider, tier) as subject,
    format('rolled up %s requests and %s µcr, the ledger has %s and %s', h.request_count, h.credits_ucr, s.request_count, s.credits_ucr) as detail
  from (select ${HOURLY_COLUMNS} from usage_hourly) h
  full join (${ledgerSums(READ_ROWS(ROLLUP_POSITION))}) s using (${KEYS.join(', ')})
  where ${differ('h', 's')}`;

/** Sums of all users that differ from the hourly sums. */
export const TOTAL_DIFFERENCES = `
  select null::uuid as user_id, concat_ws(' ', unit, ${SHOWN_HOUR('start_at')}, model_id, operation, provider, tier) as subject,
    format('%s requests and %s µcr, the hourly sums have %s and %s', t.request_count, t.credits_ucr, s.request_count, s.credits_ucr) as detail
  from (select ${TOTAL_COLUMNS} from usage_totals) t
  full join (${TIME_UNITS.map((unit) => totalsOf(unit, 'select * from usage_hourly', 'hour')).join(' union all ')}) s
    using (${TOTAL_KEYS.join(', ')})
  where ${differ('t', 's')}`;
