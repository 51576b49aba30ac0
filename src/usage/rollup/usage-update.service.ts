import { Injectable } from '@nestjs/common';
import type { JobSummary } from '../../jobs/job-registry.js';
import { BudgetEvaluator } from '../budgets/budget-evaluator.service.js';
import { UsageRollupService } from './usage-rollup.service.js';

/** Everything that follows from new rows of the ledger, in its order. */
@Injectable()
export class UsageUpdate {
  constructor(
    private readonly rollup: UsageRollupService,
    private readonly budgets: BudgetEvaluator,
  ) {}

  /** Counts the ledger rows that were rolled up, and the alerts of budgets that they caused. */
  async run(now: Date, signal: AbortSignal): Promise<JobSummary> {
    const rows = await this.rollup.advance(now, signal);
    return { rows, alerts: await this.budgets.evaluate(now) };
  }
}
