import type { ModelMeta } from '../models/domain/model-meta.js';
import { modelPrices, type PriceBasis } from '../models/domain/model-prices.js';
import {
  CHARGED_VERSIONS,
  OVERDUE_HOLDS,
  OVERDUE_PERIODS,
  RECOMPUTED_CHARGES,
  RECONCILIATION_CHECKS,
  type ReconciliationCheck,
  ROLLUP_EQUALS_LEDGER,
  TOTALS_EQUAL_HOURLY_SUMS,
} from './reconciliation.queries.js';

/** A hold may outlive its time by two sweeps, and a statement. */
const SWEEP_GRACE_MS = 2 * 60_000;
/** Periods are closed by whoever asks, at the latest by a job of every few minutes; one that is an hour late is closed by nobody. */
const CLOSE_GRACE_MS = 3_600_000;
/** Per check: enough to see the pattern, not so many that the answer drowns in one fault. */
const OFFENDERS_MAX = 100;

export interface Offender {
  /** Null where the fault is not one user's. */
  userId: string | null;
  subject: string;
  detail: string;
}

export interface ReconciliationResult {
  name: string;
  invariant: number;
  isBroken: boolean;
  offenders: Offender[];
}

/** One check: it begins without a result, and ends with one. */
export interface ReconciliationProgress {
  name: string;
  /** Counted from 1. */
  index: number;
  count: number;
  result: ReconciliationResult | null;
}

export interface CheckOptions {
  onProgress?: (progress: ReconciliationProgress) => void;
  /** The name of the only check to evaluate. */
  only?: string;
}

/** Runs one statement within the snapshot that all checks share. */
export type Execute = <Row>(sql: string, parameters: unknown[]) => Promise<Row[]>;

const ALL_CHECKS: readonly ReconciliationCheck[] = [
  ...RECONCILIATION_CHECKS,
  RECOMPUTED_CHARGES,
  OVERDUE_HOLDS,
  OVERDUE_PERIODS,
  ROLLUP_EQUALS_LEDGER,
  TOTALS_EQUAL_HOURLY_SUMS,
];

export const CHECK_NAMES: readonly string[] = ALL_CHECKS.map((check) => check.name);

/** Evaluates the invariants one after the other as they are at `now`. */
export async function evaluateChecks(
  execute: Execute,
  now: Date,
  { onProgress, only }: CheckOptions = {},
): Promise<ReconciliationResult[]> {
  const checks = ALL_CHECKS.filter((check) => only === undefined || check.name === only);
  const results: ReconciliationResult[] = [];
  for (const [at, check] of checks.entries()) {
    const step = { name: check.name, index: at + 1, count: checks.length };
    onProgress?.({ ...step, result: null });
    const result = await evaluate(execute, check, await parametersOf(execute, check, now));
    onProgress?.({ ...step, result });
    results.push(result);
  }
  return results;
}

async function evaluate(
  execute: Execute,
  check: ReconciliationCheck,
  parameters: unknown[],
): Promise<ReconciliationResult> {
  const rows = await execute<OffenderRow>(`select * from (${check.sql}) offenders limit ${OFFENDERS_MAX}`, parameters);
  return {
    name: check.name,
    invariant: check.invariant,
    isBroken: rows.length > 0,
    offenders: rows.map((row) => ({ userId: row.user_id, subject: row.subject ?? 'unknown', detail: row.detail })),
  };
}

interface OffenderRow {
  user_id: string | null;
  /** Null where a line names no row, which is its fault. */
  subject: string | null;
  detail: string;
}

async function parametersOf(execute: Execute, check: ReconciliationCheck, now: Date): Promise<unknown[]> {
  if (check === RECOMPUTED_CHARGES) return chargedRates(execute);
  if (check === OVERDUE_HOLDS) return [new Date(now.getTime() - SWEEP_GRACE_MS)];
  if (check === OVERDUE_PERIODS) return [new Date(now.getTime() - CLOSE_GRACE_MS)];
  return [];
}

/** The rates of every charged model version as the arrays that the query takes. A version without a price has none, so its rows show up. */
async function chargedRates(execute: Execute): Promise<unknown[]> {
  const versions = await execute<{ model_id: string; version_no: number; meta: ModelMeta }>(CHARGED_VERSIONS, []);
  const lines = versions.flatMap(({ model_id, version_no, meta }) => {
    const prices = modelPrices(meta);
    if (!prices) return [];
    const above = prices.longContext?.aboveInputTokens ?? null;
    const line = (basis: string, price: PriceBasis): unknown[] => [
      model_id,
      version_no,
      basis,
      above,
      ...[price.creditsUcr, price.costNusd].flatMap((rates) => [
        rates.input,
        rates.cachedInput,
        rates.cacheWrite,
        rates.output,
        rates.image,
      ]),
    ];
    return [
      line('standard', prices.standard),
      ...(prices.longContext ? [line('long_context', prices.longContext)] : []),
    ];
  });
  return Array.from({ length: 14 }, (_, column) => lines.map((line) => line[column] ?? null));
}
