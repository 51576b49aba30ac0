import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { withDirectClient } from '../database/direct-connection.js';
import { type CheckOptions, evaluateChecks, type Execute, type ReconciliationResult } from './reconciliation-checks.js';

export interface ReconciliationReport {
  isBalanced: boolean;
  checkedAt: Date;
  checks: ReconciliationResult[];
}

export interface ReconciliationOptions extends CheckOptions {
  /** Ends the connection, and with it the run. */
  signal?: AbortSignal;
}

/** Proves that the books balance: the credit invariants over all accounts, set-based, on one snapshot. */
@Injectable()
export class ReconciliationService {
  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /**
   * Evaluates every invariant and names at most 100 offenders of each. On a connection of its own, because over many rows it takes longer
   * than any transaction of the request path may.
   */
  async run({ signal, ...options }: ReconciliationOptions = {}): Promise<ReconciliationReport> {
    const checkedAt = this.clock.now();
    const checks = await withDirectClient(
      this.config,
      async (client) => {
        await client.query('begin isolation level repeatable read read only');
        const execute: Execute = async <Row>(sql: string, parameters: unknown[]) =>
          (await client.query(sql, parameters)).rows as Row[];
        return evaluateChecks(execute, checkedAt, options);
      },
      signal,
    );
    return { isBalanced: checks.every((check) => !check.isBroken), checkedAt, checks };
  }
}
