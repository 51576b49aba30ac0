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

/** The same as a mail to an operator. */
export function mailOfAlert(notice: BudgetAlertNotice): { subject: string; text: string } {
  const { scope, scopeKey, period, periodStart, periodEnd, threshold, unit, limit, spent, isHardStop } = notice;
  const whose = scopeKey === null ? 'the whole installation' : `${scope} ${scopeKey}`;
  const stop =
    threshold >= 100 && isHardStop
      ? ` Its requests are refused until ${periodEnd}, or until the budget is raised.`
      : '';
  return {
    subject: `Budget of ${whose}: ${threshold} % used`,
    text:
      `The budget of ${whose} for the ${period} from ${periodStart} has reached ${threshold} % of ${limit} ${unit}: ${spent} are spent.${stop}` +
      ` GET /admin/budgets/${notice.budgetId} shows it.`,
  };
}
