import { defineEntity, p } from '@mikro-orm/core';

export const BUDGET_SCOPES = ['global', 'tier', 'user', 'model'] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];
export const BUDGET_PERIODS = ['day', 'month'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** A ceiling on provider cost or on credits, exactly one of them, per day or month. */
export const BudgetSchema = defineEntity({
  name: 'Budget',
  tableName: 'budgets',
  properties: {
    id: p.uuid().primary(),
    scope: p.enum(BUDGET_SCOPES).nativeEnumName('budget_scope'),
    scopeKey: p.text().nullable(),
    period: p.enum(BUDGET_PERIODS).nativeEnumName('budget_period'),
    limitNusd: p.bigint().nullable(),
    limitUcr: p.bigint().nullable(),
    thresholds: p.array(Number).columnType('smallint[]').defaultRaw(`'{50,80,100}'`),
    /** Told of alerts by mail. */
    alertEmails: p.array(String).columnType('text[]').defaultRaw(`'{}'`),
    isHardStop: p.boolean().default(false),
    isActive: p.boolean().default(true),
    /** While it is in the future, and the budget stops requests, no request of its scope is taken. */
    stoppedUntil: p.datetime().columnType('timestamptz').nullable(),
    createdAt: p.datetime().columnType('timestamptz'),
    updatedAt: p.datetime().columnType('timestamptz'),
  },
  checks: [
    { name: 'budgets_limit_check', expression: '(limit_nusd is null) <> (limit_ucr is null)' },
    { name: 'budgets_scope_key_check', expression: `(scope = 'global') = (scope_key is null)` },
    {
      name: 'budgets_amounts_check',
      expression: 'coalesce(limit_nusd, limit_ucr) > 0 and cardinality(thresholds) > 0',
    },
  ],
});

export class Budget extends BudgetSchema.class {}
BudgetSchema.setClass(Budget);

/** An alert that was sent: its unique key makes it be sent once. */
export const BudgetAlertSchema = defineEntity({
  name: 'BudgetAlert',
  tableName: 'budget_alerts',
  properties: {
    id: p.uuid().primary(),
    budgetId: () => p.manyToOne(Budget).mapToPk().fieldName('budget_id').deleteRule('cascade'),
    periodStart: p.datetime().columnType('timestamptz'),
    threshold: p.smallint(),
    spent: p.bigint(),
    createdAt: p.datetime().columnType('timestamptz'),
  },
  uniques: [
    {
      name: 'budget_alerts_budget_id_period_start_threshold_unique',
      properties: ['budgetId', 'periodStart', 'threshold'],
    },
  ],
});

export class BudgetAlert extends BudgetAlertSchema.class {}
BudgetAlertSchema.setClass(BudgetAlert);
