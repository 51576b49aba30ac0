import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { formatCredits } from '../../common/domain/micro-credits.js';
import { formatMoney } from '../../common/domain/money.js';
import { newId } from '../../common/ids.js';
import { Notifications } from '../../database/notifications.js';
import { reachedThresholds } from '../domain/budget-thresholds.js';
import { ADD_ALERTS_SQL, type BudgetSpend, SET_STOPS_SQL, SPEND_SQL } from './budget.queries.js';
import { WebhookDeliveries } from '../webhooks/webhook-delivery.service.js';
import { HARD_STOPS_CHANNEL } from './hard-stops.service.js';

/** Compares what was spent with the budgets: alerts once per budget, period and threshold, and the hard stops. */
@Injectable()
export class BudgetEvaluator {
  constructor(
    private readonly em: EntityManager,
    private readonly notifications: Notifications,
    private readonly webhooks: WebhookDeliveries,
  ) {}

  /** Returns the number of new alerts. */
  async evaluate(now: Date): Promise<number> {
    const { alerts, changed } = await this.em.fork().transactional(async (em) => {
      const budgets = await em.execute<BudgetSpend[]>(`${SPEND_SQL} where b.is_active`, [now, now]);
      const added = await addAlerts(em, budgets, now);
      await this.webhooks.add(em, 'budget.alert', added);
      return { alerts: added.length, changed: await setStops(em, budgets, now) };
    });
    if (changed > 0) await this.notifications.notify(HARD_STOPS_CHANNEL);
    return alerts;
  }

  /** What was spent of one budget. */
  async spendOf(id: string, now: Date): Promise<BudgetSpend | undefined> {
    const [spend] = await this.em.fork().execute<BudgetSpend[]>(`${SPEND_SQL} where b.id = ?`, [now, now, id]);
    return spend;
  }
}

export function limitOf({ limit_nusd, limit_ucr }: Pick<BudgetSpend, 'limit_nusd' | 'limit_ucr'>): bigint {
  return BigInt(limit_nusd ?? limit_ucr ?? 0);
}

/** Adds the alerts that are due, and returns those that nobody had added, as they are told. */
async function addAlerts(em: EntityManager, budgets: readonly BudgetSpend[], now: Date): Promise<object[]> {
  const alerts = budgets.flatMap((budget) =>
    reachedThresholds(BigInt(budget.spent), limitOf(budget), budget.thresholds).map((threshold) => ({
      id: newId(),
      budget_id: budget.id,
      period_start: budget.starts_at,
      threshold,
      spent: budget.spent,
    })),
  );
  if (alerts.length === 0) return [];
  const added = await em.execute<{ budget_id: string; threshold: number }[]>(ADD_ALERTS_SQL, [
    now,
    JSON.stringify(alerts),
  ]);
  return added.map(({ budget_id, threshold }) =>
    toldOf(
      budgets.find(({ id }) => id === budget_id)!,
      threshold,
    ),
  );
}

/** An alert as webhooks tell it. */
function toldOf(budget: BudgetSpend, threshold: number): object {
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

async function setStops(em: EntityManager, budgets: readonly BudgetSpend[], now: Date): Promise<number> {
  const stops = budgets
    .filter((budget) => budget.is_hard_stop && BigInt(budget.spent) >= limitOf(budget))
    .map(({ id, ends_at }) => ({ id, until: ends_at }));
  const [row] = await em.execute<{ changed: number }[]>(SET_STOPS_SQL, [JSON.stringify(stops), now]);
  return row?.changed ?? 0;
}
