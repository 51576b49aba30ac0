import { EntityManager, IsolationLevel } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { Clock } from '../common/clock.js';
import { type ModelMeta } from '../models/domain/model-meta.js';
import { modelPrices, type PartRates } from '../models/domain/model-prices.js';
import {
  CHARGED_VERSIONS,
  OVERDUE_HOLDS,
  RECOMPUTED_CHARGES,
  RECONCILIATION_CHECKS,
  type ReconciliationCheck,
} from './reconciliation.queries.js';

/** A hold may outlive its time by two sweeps, and a statement. */
const SWEEP_GRACE_MS = 2 * 60_000;
/** Per invariant: enough to see the pattern, not so many that the answer drowns in one fault. */
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

export interface ReconciliationReport {
  isBalanced: boolean;
  checkedAt: Date;
  checks: ReconciliationResult[];
}

/** Proves that the books balance: the credit invariants over all accounts, set-based, on one snapshot. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
  ) {}

  /** Evaluates every invariant and names at most 100 offenders of each. */
  async run(): Promise<ReconciliationReport> {
    const checkedAt = this.clock.now();
    const checks = await this.em.fork().transactional(
      async (em) => {
        const results: ReconciliationResult[] = [];
        for (const check of RECONCILIATION_CHECKS) results.push(await evaluate(em, check, []));
        results.push(await evaluate(em, RECOMPUTED_CHARGES, await chargedRates(em)));
        results.push(await evaluate(em, OVERDUE_HOLDS, [new Date(checkedAt.getTime() - SWEEP_GRACE_MS)]));
        return results;
      },
      { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
    );
    return { isBalanced: checks.every((check) => !check.isBroken), checkedAt, checks };
  }
}

async function evaluate(
  em: EntityManager,
  check: ReconciliationCheck,
  parameters: unknown[],
): Promise<ReconciliationResult> {
  const query = CompiledQuery.raw(`select * from (${check.sql}) offenders limit ${OFFENDERS_MAX}`, parameters);
  const { rows } = await em.getKysely().executeQuery<OffenderRow>(query);
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

/** The rates of every charged model version as the arrays that the query takes. A version without a price has none, so its rows show up. */
async function chargedRates(em: EntityManager): Promise<unknown[]> {
  const versions = await em
    .getKysely()
    .executeQuery<{ model_id: string; version_no: number; meta: ModelMeta }>(CompiledQuery.raw(CHARGED_VERSIONS));
  const lines = versions.rows.flatMap(({ model_id, version_no, meta }) => {
    const prices = modelPrices(meta);
    if (!prices) return [];
    const above = prices.longContext?.aboveInputTokens ?? null;
    const line = (basis: string, rates: PartRates): unknown[] => [
      model_id,
      version_no,
      basis,
      rates.input,
      rates.cachedInput,
      rates.cacheWrite,
      rates.output,
      rates.image,
      above,
    ];
    return [
      line('standard', prices.standard.creditsUcr),
      ...(prices.longContext ? [line('long_context', prices.longContext.creditsUcr)] : []),
    ];
  });
  return Array.from({ length: 9 }, (_, column) => lines.map((line) => line[column] ?? null));
}
