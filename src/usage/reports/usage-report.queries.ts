import { CompiledQuery } from 'kysely';
import { LATENCY_BOUNDS_MS } from '../domain/latency-buckets.js';
import { HOURLY_COLUMNS, ledgerSums, ROLLUP_POSITION, UNREAD_ROWS } from '../rollup/usage-rollup.queries.js';
import type { TimeRange } from '../../common/http/time-range.js';

/** What usage can be divided by, apart from time. */
export const USAGE_DIMENSIONS = ['model', 'provider', 'operation', 'tier', 'user'] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

const DIMENSION_COLUMNS: Readonly<Record<UsageDimension, string>> = {
  model: 'model_id',
  provider: 'provider',
  operation: 'operation::text',
  tier: 'tier',
  user: 'user_id::text',
};

/** What a report is narrowed to. Undefined is everything. */
export type UsageFilter = Partial<Record<UsageDimension, string | undefined>>;

/** The same columns of the ledger row `l`. */
const LEDGER_COLUMNS: Readonly<Record<UsageDimension, string>> = {
  model: 'l.model_id',
  provider: 'l.provider',
  operation: 'l.operation::text',
  tier: `coalesce(l.metadata->>'tier', 'unknown')`,
  user: 'l.user_id',
};
const HOURLY_FILTERS: Readonly<Record<UsageDimension, string>> = { ...DIMENSION_COLUMNS, user: 'user_id' };

export interface UsageScope {
  range: TimeRange;
  filter: UsageFilter;
  /** Whether all that is asked for begins and ends on whole hours, so that the hourly sums can tell it. */
  isHourly: boolean;
}

export const SORT_COLUMNS = {
  credits: 'credits_ucr',
  cost: 'cost_nusd',
  requests: 'request_count',
  tokens: 'input_tokens + output_tokens',
  errors: 'error_count',
} as const;
export type UsageSort = keyof typeof SORT_COLUMNS;

const AMOUNTS = [
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

const bucketSums = (column: string): string =>
  `array[${[...LATENCY_BOUNDS_MS, null].map((_, index) => `coalesce(sum(u.${column}[${index + 1}]), 0)`).join(', ')}]::bigint[] as ${column}`;

const SUMS = [
  ...AMOUNTS.map((column) => `coalesce(sum(u.${column}), 0)::bigint as ${column}`),
  bucketSums('latency_buckets'),
  bucketSums('first_token_buckets'),
].join(', ');

/** A line as the statements below answer it; bigint comes as text. */
export type UsageSumRow = Record<(typeof AMOUNTS)[number], string> &
  Record<'latency_buckets' | 'first_token_buckets', string[]> &
  Partial<Record<UsageDimension, string>> & { bucket?: number };

/** Sums by dimensions and, where `starts` are given, by the number (from 1) of the time bucket that begins there. */
export function sumsSql(
  scope: UsageScope,
  by: { dimensions: readonly UsageDimension[]; starts: readonly Date[] | null; linesMax: number },
): CompiledQuery<UsageSumRow> {
  const parameters: unknown[] = [];
  const source = sourceSql(scope, parameters);
  const keys = [
    ...(by.starts ? [`width_bucket(u.hour, $${parameters.push(by.starts)}::timestamptz[]) as bucket`] : []),
    ...by.dimensions.map((dimension) => `u.${DIMENSION_COLUMNS[dimension]} as "${dimension}"`),
  ];
  const places = keys.map((_, index) => index + 1);
  const order = places.map((place) => (by.starts && place === 1 ? '1 desc' : String(place))).join(', ');
  return raw(
    `select ${[...keys, SUMS].join(', ')} from (${source}) u
     ${keys.length > 0 ? `group by ${places.join(', ')} order by ${order}` : ''} limit $${parameters.push(by.linesMax)}`,
    parameters,
  );
}

/** A page of the sums of one dimension, the largest first. */
export function rankingSql(
  scope: UsageScope,
  by: { dimension: UsageDimension; sort: UsageSort; after: { value: string; key: string } | null; limit: number },
): CompiledQuery<UsageSumRow & { key: string; sort_value: string }> {
  const parameters: unknown[] = [];
  const source = sourceSql(scope, parameters);
  const after = by.after
    ? `where (t.sort_value, t.key) < ($${parameters.push(by.after.value)}::bigint, $${parameters.push(by.after.key)}::text)`
    : '';
  return raw(
    `select * from (
       select s.*, ${SORT_COLUMNS[by.sort]} as sort_value from (
         select u.${DIMENSION_COLUMNS[by.dimension]} collate "C" as key, ${SUMS} from (${source}) u group by 1
       ) s
     ) t ${after} order by t.sort_value desc, t.key desc limit $${parameters.push(by.limit)}`,
    parameters,
  );
}

/**
 * The hourly sums, and the ledger rows that they do not have yet: together the ledger at one moment. What does not lie on whole hours is read
 * from the ledger alone, by quarters of an hour, on which the days of every time zone begin.
 */
function sourceSql({ range, filter, isHourly }: UsageScope, parameters: unknown[]): string {
  const from = `$${parameters.push(range.from)}::timestamptz`;
  const to = `$${parameters.push(range.to)}::timestamptz`;
  const wanted = USAGE_DIMENSIONS.flatMap((dimension) => {
    const value = filter[dimension];
    return value === undefined ? [] : [{ dimension, place: `$${parameters.push(value)}` }];
  });
  const where = (time: string, columns: Readonly<Record<UsageDimension, string>>): string =>
    [
      `${time} >= ${from}`,
      `${time} < ${to}`,
      ...wanted.map(({ dimension, place }) => `${columns[dimension]} = ${place}`),
    ].join(' and ');
  const inLedger = where('l.created_at', LEDGER_COLUMNS);
  if (!isHourly) return ledgerSums(inLedger, '15 minutes');
  return `select ${HOURLY_COLUMNS} from usage_hourly where ${where('hour', HOURLY_FILTERS)}
    union all ${ledgerSums(`${inLedger} and ${UNREAD_ROWS(ROLLUP_POSITION)}`)}`;
}

function raw<Row>(sql: string, parameters: unknown[]): CompiledQuery<Row> {
  return CompiledQuery.raw(sql, parameters) as CompiledQuery<Row>;
}
