import type { EntityManager } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import { formatCredits } from '../common/domain/micro-credits.js';

/** Totals over all time, in µcr; the names are those of the table that is printed. */
export interface Totals {
  granted: bigint;
  purchased: bigint;
  promotions: bigint;
  adjusted: bigint;
  refunded: bigint;
  used: bigint;
  carried: bigint;
  forfeited: bigint;
  expired: bigint;
  debtMade: bigint;
  debtRepaid: bigint;
  debtRefunded: bigint;
  openDebt: bigint;
  remaining: bigint;
  periodsClosed: bigint;
}

/** One month of everybody, in µcr; what left is positive. */
export interface MonthFigures {
  /** `2026-01`. */
  month: string;
  granted: bigint;
  purchased: bigint;
  used: bigint;
  carried: bigint;
  forfeited: bigint;
  expired: bigint;
  /** What all have, and what all owe, at its end. */
  balance: bigint;
  debt: bigint;
}

export async function readTotals(em: EntityManager): Promise<Totals> {
  const [row] = await run<Record<string, string>>(em, TOTALS_SQL);
  const of = (name: string): bigint => BigInt(row?.[name] ?? 0);
  return {
    granted: of('granted'),
    purchased: of('purchased'),
    promotions: of('promotions'),
    adjusted: of('adjusted'),
    refunded: of('refunded'),
    used: of('used'),
    carried: of('carried'),
    forfeited: of('forfeited'),
    expired: of('expired'),
    debtMade: of('debt_made'),
    debtRepaid: of('debt_repaid'),
    debtRefunded: of('debt_refunded'),
    openDebt: of('open_debt'),
    remaining: of('remaining'),
    periodsClosed: of('periods_closed'),
  };
}

/** Σ given + debt and Σ used + Σ gone + Σ remaining, each from its own rows: the two sides of the books. */
export function sidesOf(totals: Totals): { given: bigint; spent: bigint } {
  const { granted, purchased, promotions, adjusted, refunded, debtRefunded, openDebt } = totals;
  return {
    given: granted + purchased + promotions + adjusted + refunded + debtRefunded + openDebt,
    spent: totals.used + totals.expired + totals.forfeited + totals.remaining,
  };
}

export async function readMonths(em: EntityManager): Promise<MonthFigures[]> {
  const rows = await run<Record<string, string>>(em, MONTHS_SQL);
  let [balance, debt] = [0n, 0n];
  return rows.map((row) => {
    const of = (name: string): bigint => BigInt(row[name] ?? 0);
    balance += of('balance_change');
    debt += of('debt_change');
    return {
      month: row['month']!,
      granted: of('granted'),
      purchased: of('purchased'),
      used: of('used'),
      carried: of('carried'),
      forfeited: of('forfeited'),
      expired: of('expired'),
      balance,
      debt,
    };
  });
}

const LABELS: readonly [keyof Totals, string][] = [
  ['granted', 'granted with plans'],
  ['purchased', 'purchased'],
  ['promotions', 'granted as promotions'],
  ['adjusted', 'adjusted by operators'],
  ['refunded', 'refunded to grants'],
  ['debtRefunded', 'refunded of debt'],
  ['openDebt', 'owed at the end'],
  ['used', 'used'],
  ['expired', 'expired'],
  ['forfeited', 'forfeited'],
  ['remaining', 'remaining at the end'],
  ['carried', 'carried into a next period'],
  ['debtMade', 'debt made'],
  ['debtRepaid', 'debt repaid'],
];

/** The summary as lines of two columns: credits, then counts. */
export function toLines(totals: Totals, counts: readonly (readonly [string, number])[]): string[] {
  const { given, spent } = sidesOf(totals);
  const credits = LABELS.map(([name, label]) => [label, formatCredits(totals[name] as bigint)]);
  const rows = [
    ...credits,
    ['Σ given + debt', formatCredits(given)],
    ['Σ used + Σ gone + Σ remaining', formatCredits(spent)],
    ['periods closed', String(totals.periodsClosed)],
    ...counts.map(([name, count]) => [name, String(count)]),
  ] as [string, string][];
  const [left, right] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length))) as [number, number];
  return rows.map(([label, value]) => `${label.padEnd(left)}  ${value.padStart(right)}`);
}

async function run<Row>(em: EntityManager, sql: string): Promise<Row[]> {
  return (await em.getKysely().executeQuery<Row>(CompiledQuery.raw(sql))).rows;
}

const OF_PLANS = `c.source in ('subscription', 'proration')`;

const TOTALS_SQL = `
  select coalesce(sum(p.amount_ucr) filter (where p.kind = 'grant' and ${OF_PLANS}), 0)::text as granted,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'grant' and c.source = 'purchase'), 0)::text as purchased,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'grant' and c.source in ('promo', 'adjustment')), 0)::text as promotions,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'adjustment'), 0)::text as adjusted,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'refund' and p.credit_id is not null), 0)::text as refunded,
    coalesce(-sum(p.amount_ucr) filter (where p.kind = 'refund' and p.credit_id is null), 0)::text as debt_refunded,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'roll_in'), 0)::text as carried,
    coalesce(-sum(p.amount_ucr) filter (where p.kind = 'forfeit'), 0)::text as forfeited,
    coalesce(-sum(p.amount_ucr) filter (where p.kind = 'expiry'), 0)::text as expired,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'debt'), 0)::text as debt_made,
    coalesce(-sum(p.amount_ucr) filter (where p.kind = 'debt_repayment'), 0)::text as debt_repaid,
    (select coalesce(sum(debt_ucr), 0) from credit_accounts)::text as open_debt,
    (select coalesce(sum(remaining_ucr), 0) from credits)::text as remaining,
    (select coalesce(sum(credits_ucr), 0) from token_usage_ledger_all)::text as used,
    (select count(*) from period_closes)::text as periods_closed
  from credit_postings_all p left join credits c on c.user_id = p.user_id and c.id = p.credit_id`;

const MONTHS_SQL = `
  select to_char(p.created_at at time zone 'UTC', 'YYYY-MM') as month,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'grant' and c.source <> 'purchase'), 0)::text as granted,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'grant' and c.source = 'purchase'), 0)::text as purchased,
    coalesce(sum(abs(p.amount_ucr)) filter (where p.kind in ('usage', 'debt')), 0)::text as used,
    coalesce(sum(p.amount_ucr) filter (where p.kind = 'roll_in'), 0)::text as carried,
    coalesce(-sum(p.amount_ucr) filter (where p.kind = 'forfeit'), 0)::text as forfeited,
    coalesce(-sum(p.amount_ucr) filter (where p.kind = 'expiry'), 0)::text as expired,
    coalesce(sum(p.amount_ucr) filter (where p.credit_id is not null), 0)::text as balance_change,
    coalesce(sum(case when p.kind = 'debt_repayment' or p.credit_id is null then p.amount_ucr end), 0)::text as debt_change
  from credit_postings_all p left join credits c on c.user_id = p.user_id and c.id = p.credit_id
  group by 1 order by 1`;
