import { CompiledQuery } from 'kysely';
import { AMOUNTS, BUCKETS, sumOfBuckets } from '../rollup/usage-rollup.queries.js';
import { type UsageDimension, type UsageScope, usageSource, wholeOf } from './usage-source.js';

const DIMENSION_COLUMNS: Readonly<Record<UsageDimension, string>> = {
  model: 'model_id',
  provider: 'provider',
  operation: 'operation::text',
  tier: 'tier',
  user: 'user_id::text',
};

export const SORT_COLUMNS = {
  credits: 'credits_ucr',
  cost: 'cost_nusd',
  requests: 'request_count',
  tokens: 'input_tokens + output_tokens',
  errors: 'error_count',
} as const;
export type UsageSort = keyof typeof SORT_COLUMNS;

const SUMS = [
  ...AMOUNTS.map((column) => `coalesce(sum(u.${column}), 0)::bigint as ${column}`),
  ...BUCKETS.map((column) => `${sumOfBuckets(`u.${column}`)} as ${column}`),
].join(', ');

/** A line as the statements below answer it; bigint comes as text. */
export type UsageSumRow = Record<(typeof AMOUNTS)[number], string> &
  Record<(typeof BUCKETS)[number], string[]> &
  Partial<Record<UsageDimension, string>> & { bucket?: number };

export interface RankedRow extends UsageSumRow {
  key: string;
  sort_value: string;
}

/** A page of a ranking: how it is sorted, and the line that it comes after. */
export interface RankingPage {
  sort: UsageSort;
  after: { value: string; key: string } | null;
  limit: number;
}

/** Sums by dimensions and, where `starts` are given, by the number (from 1) of the time bucket that begins there. */
export function sumsSql(
  scope: UsageScope,
  by: { dimensions: readonly UsageDimension[]; starts: readonly Date[] | null; linesMax: number },
): CompiledQuery<UsageSumRow> {
  const parameters: unknown[] = [];
  const source = wholeOf(usageSource(scope, by.dimensions.includes('user'), parameters));
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
  dimension: Exclude<UsageDimension, 'user'>,
  page: RankingPage,
): CompiledQuery<RankedRow> {
  const parameters: unknown[] = [];
  const source = wholeOf(usageSource(scope, false, parameters));
  return raw(
    `select * from (
       select s.*, ${SORT_COLUMNS[page.sort]} as sort_value from (
         select u.${DIMENSION_COLUMNS[dimension]} collate "C" as key, ${SUMS} from (${source}) u group by 1
       ) s
     ) t ${pageSql('t', page, parameters)}`,
    parameters,
  );
}

/** The same of users, of whom there are many: only what they are sorted by is summed for all, and the rest for those of the page. */
export function userRankingSql(scope: UsageScope, page: RankingPage): CompiledQuery<RankedRow> {
  const parameters: unknown[] = [];
  const { summed, unread } = usageSource(scope, true, parameters);
  return raw(
    `with ${unread === null ? '' : `unread as materialized (${unread}),`}
     usage as not materialized (${wholeOf({ summed, unread: unread && 'select * from unread' })}),
     users_by_value as (
       select user_id, user_id::text collate "C" as key, sum(${SORT_COLUMNS[page.sort]})::bigint as sort_value from usage group by user_id
     ),
     page as materialized (select * from users_by_value v ${pageSql('v', page, parameters)})
     select p.key, p.sort_value, s.* from page p
     cross join lateral (select ${SUMS} from usage u where u.user_id = p.user_id) s order by p.sort_value desc, p.key desc`,
    parameters,
  );
}

function pageSql(from: string, { after, limit }: RankingPage, parameters: unknown[]): string {
  const beyond = after
    ? `where (${from}.sort_value, ${from}.key) < ($${parameters.push(after.value)}::bigint, $${parameters.push(after.key)}::text)`
    : '';
  return `${beyond} order by ${from}.sort_value desc, ${from}.key desc limit $${parameters.push(limit)}`;
}

function raw<Row>(sql: string, parameters: unknown[]): CompiledQuery<Row> {
  return CompiledQuery.raw(sql, parameters) as CompiledQuery<Row>;
}
