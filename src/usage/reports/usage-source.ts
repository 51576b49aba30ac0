import type { TimePiece } from '../domain/time-buckets.js';
import type { TimeRange } from '../../common/http/time-range.js';
import {
  GROUPED_COLUMNS,
  HOURLY_COLUMNS,
  ledgerSums,
  ROLLUP_POSITION,
  UNREAD_ROWS,
} from '../rollup/usage-rollup.queries.js';

/** What usage can be divided by, apart from time. */
export const USAGE_DIMENSIONS = ['model', 'provider', 'operation', 'tier', 'user'] as const;
export type UsageDimension = (typeof USAGE_DIMENSIONS)[number];

/** The columns of rows of sums. */
const SUM_COLUMNS: Readonly<Record<UsageDimension, string>> = {
  model: 'model_id',
  provider: 'provider',
  operation: 'operation::text',
  tier: 'tier',
  user: 'user_id',
};
/** The same columns of the ledger row `l`. */
const LEDGER_COLUMNS: Readonly<Record<UsageDimension, string>> = {
  model: 'l.model_id',
  provider: 'l.provider',
  operation: 'l.operation::text',
  tier: `coalesce(l.metadata->>'tier', 'unknown')`,
  user: 'l.user_id',
};

/** What a report is narrowed to. Undefined is everything. */
export type UsageFilter = Partial<Record<UsageDimension, string | undefined>>;

export interface UsageScope {
  range: TimeRange;
  filter: UsageFilter;
  /** The range as sums can tell it; null where it or its division does not lie on whole hours. */
  pieces: readonly TimePiece[] | null;
}

/** Statements that answer rows of sums, together the ledger at one moment. */
export interface UsageSource {
  /** The fewest sums that tell the scope. */
  summed: string;
  /** The ledger rows that they do not have yet; null where what is summed is the ledger. */
  unread: string | null;
}

/** As one statement. */
export function wholeOf({ summed, unread }: UsageSource): string {
  return unread === null ? summed : `${summed} union all ${unread}`;
}

/**
 * Rows of sums of the scope, by users where `isByUser`. What does not lie on whole hours is read from the ledger alone, by quarters of an hour, on
 * which the days of every time zone begin.
 */
export function usageSource(scope: UsageScope, isByUser: boolean, parameters: unknown[]): UsageSource {
  const { range, filter, pieces } = scope;
  const wanted = USAGE_DIMENSIONS.flatMap((dimension) => {
    const value = filter[dimension];
    return value === undefined ? [] : [{ dimension, place: `$${parameters.push(value)}` }];
  });
  const where = (time: string, { from, to }: TimeRange, columns: Readonly<Record<UsageDimension, string>>): string =>
    [
      `${time} >= $${parameters.push(from)}::timestamptz`,
      `${time} < $${parameters.push(to)}::timestamptz`,
      ...wanted.map(({ dimension, place }) => `${columns[dimension]} = ${place}`),
    ].join(' and ');
  const inLedger = where('l.created_at', range, LEDGER_COLUMNS);
  if (pieces === null) return { summed: ledgerSums(inLedger, '15 minutes'), unread: null };
  const unread = ledgerSums(`${inLedger} and ${UNREAD_ROWS(ROLLUP_POSITION)}`);
  if (isByUser || filter.user !== undefined)
    return {
      summed: `select ${HOURLY_COLUMNS} from usage_hourly where ${where('hour', range, SUM_COLUMNS)}`,
      unread,
    };
  const totals = pieces.map(
    (piece) =>
      `select start_at as hour, ${GROUPED_COLUMNS} from usage_totals where unit = '${piece.unit}' and ${where('start_at', piece, SUM_COLUMNS)}`,
  );
  return { summed: totals.join(' union all '), unread: `select hour, ${GROUPED_COLUMNS} from (${unread}) l` };
}
