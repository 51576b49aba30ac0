import { LATENCY_BOUNDS_MS } from '../domain/latency-buckets.js';

/** The cursor that the rollup has in `job_cursors`. */
export const ROLLUP_CURSOR = 'usage-rollup';

/** What the sums are grouped by: the key of `usage_hourly`. */
const KEYS = ['hour', 'user_id', 'model_id', 'operation', 'provider', 'tier'] as const;

const COUNTS = [
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

const BUCKETS = ['latency_buckets', 'first_token_buckets'] as const;

export const HOURLY_COLUMNS = [...KEYS, ...COUNTS, ...BUCKETS].join(', ');

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

/** Adds the unread rows below the horizon `$2` to the buckets; `$1` is the position, `$3` the time. Answers how many rows it read. */
export const ADVANCE_SQL = `
  with sums as materialized (${ledgerSums(`${UNREAD_ROWS('$1::text')} and ${COMMITTED} < $2::bigint`)}),
  written as (
    insert into usage_hourly (${HOURLY_COLUMNS}, created_at, updated_at) select ${HOURLY_COLUMNS}, $3::timestamptz, $3::timestamptz from sums
    on conflict (${KEYS.join(', ')}) do update set
      ${COUNTS.map((column) => `${column} = usage_hourly.${column} + excluded.${column}`).join(', ')},
      ${BUCKETS.map((column) => `${column} = ${addedBuckets(column)}`).join(', ')},
      updated_at = excluded.updated_at
  )
  select coalesce(sum(request_count), 0)::text as rows from sums`;

function addedBuckets(column: string): string {
  return `array(select a + b from unnest(usage_hourly.${column}, excluded.${column}) with ordinality as t(a, b, i) order by i)`;
}

/** Writes all buckets from nothing, as of the position `$1`; `$2` is the time. Answers how many rows it read. */
export const REBUILD_SQL = `
  with written as (
    insert into usage_hourly (${HOURLY_COLUMNS}, created_at, updated_at)
    select ${HOURLY_COLUMNS}, $2::timestamptz, $2::timestamptz from (${ledgerSums(READ_ROWS('$1::text'))}) sums
    returning request_count
  )
  select coalesce(sum(request_count), 0)::text as rows from written`;

/** The oldest transaction that is still open, as the snapshot has it: what is below is decided and seen. */
export const HORIZON_SQL = `select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`;

/**
 * The newest row whose transaction this server has not come to: it was written on another one and brought here by a restore. Where there
 * are such rows, transactions do not order what is older than they are.
 */
export const RESTORED_SQL = `
  select coalesce(to_char(max(l.created_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '-infinity') as until
  from token_usage_ledger_all l where ${COMMITTED} >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint`;

/** Buckets that differ from the ledger rows which the cursor has read. */
export const ROLLUP_DIFFERENCES = `
  select user_id, concat_ws(' ', to_char(hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), model_id, operation, provider, tier) as subject,
    format('rolled up %s requests and %s µcr, the ledger has %s and %s', h.request_count, h.credits_ucr, s.request_count, s.credits_ucr) as detail
  from (select ${HOURLY_COLUMNS} from usage_hourly) h
  full join (${ledgerSums(READ_ROWS(ROLLUP_POSITION))}) s using (${KEYS.join(', ')})
  where (${[...COUNTS, ...BUCKETS].map((column) => `h.${column}`).join(', ')})
    is distinct from (${[...COUNTS, ...BUCKETS].map((column) => `s.${column}`).join(', ')})`;
