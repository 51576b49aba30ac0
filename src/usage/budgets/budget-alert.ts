import { formatCredits } from '../../common/domain/micro-credits.js';
import { formatMoney } from '../../common/domain/money.js';
import { type BudgetSpend, limitOf } from './budget.queries.js';

/** An alert as it is told to whoever asked to be told. */
export interface BudgetAlertNotice {
  budgetId: string;
  scope: BudgetSpend['scope'];
  scopeKey: string | null;
  period: BudgetSpend['period'];
  periodStart: string;
  periodEnd: string;
  /** Percent of the limit. */
  threshold: number;
  unit: 'USD' | 'credits';
  limit: string;
  spent: string;
  isHardStop: boolean;
}

export function noticeOfAlert(budget: BudgetSpend, threshold: number): BudgetAlertNotice {
  const isCost = budget.limit_nusd !== null;
  const amount = (value: bigint): string => (isCost ? formatMoney(value).amount : formatCredits(value));
  return {
    budgetId: budget.id,
    scope: budget.scope,
    scopeKey: budget.scope_key,
    period: budget.period,
    periodStart: budget.starts_at,
    periodEnd: budget.ends_at,
    threshold,
    unit: isCost ? 'USD' : 'credits',
    limit: amount(limitOf(budget)),
    spent: amount(BigInt(budget.spent)),
    isHardStop: budget.is_hard_stop,
  };
}
