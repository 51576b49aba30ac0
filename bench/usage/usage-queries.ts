import type { Question } from './asking.js';

export interface UsageQuery extends Question {
  /** The indexes that serve it, one of which the planner takes. */
  indexes: readonly string[];
  /** How far back from now it asks; null for all of time. */
  days: number | null;
  /** A hot table that it reads whole, by decision. */
  wholeTable?: string;
}

type Served = Omit<UsageQuery, keyof Question>;

/** A report of the last 30 days, which may stand beside the 30 before; a full hour more at its beginning. */
const lastMonth = (...indexes: string[]): Served => ({ indexes, days: 31 });
const lastDay = (...indexes: string[]): Served => ({ indexes, days: 1 });
const twoMonths = (...indexes: string[]): Served => ({ indexes, days: 61 });
const ever = (...indexes: string[]): Served => ({ indexes, days: null });

const TOTALS = 'usage_totals_pkey';
/** PostgreSQL 18 skips through an index whose first column is not asked for, where its rows lie closer together. */
const OF_USER = ['usage_hourly_user_id_hour_index', 'usage_hourly_pkey'] as const;
const OF_HOURS = ['usage_hourly_pkey', 'usage_hourly_model_id_hour_index'] as const;

const OF_WINDOWS = ['idx_api_usage_window', 'idx_api_usage_service_window'] as const;

/** All begin with the user. */
const OF_GRANTS = ['credits_pkey', 'credits_user_id_grant_key_unique', 'credits_open_index'] as const;

/** Every list and every report over calls and users; `heavyUserId` is who has made the most calls. */
export function usageQueries(heavyUserId: string): UsageQuery[] {
  const operator: [path: string, served: Served][] = [
    ['/admin/usage/summary', twoMonths(TOTALS)],
    ['/admin/usage/summary?groupBy=hour&fillGaps=true', twoMonths(TOTALS)],
    ['/admin/usage/summary?groupBy=day,model&timeZone=Europe/Berlin', twoMonths(TOTALS)],
    [`/admin/usage/summary?userId=${heavyUserId}`, twoMonths(...OF_USER)],
    ['/admin/usage/forecast', lastMonth(TOTALS)],
    ['/admin/usage/by-model', lastMonth(TOTALS)],
    ['/admin/usage/by-provider', lastMonth(TOTALS)],
    ['/admin/usage/by-operation', lastMonth(TOTALS)],
    ['/admin/usage/by-tier', lastMonth(TOTALS)],
    ['/admin/usage/by-user', lastMonth(...OF_HOURS)],
    ['/admin/usage/by-user?sort=cost&limit=200', lastMonth(...OF_HOURS)],
    ['/admin/usage/vision', lastMonth('idx_token_usage_image_count')],
    [
      '/admin/usage/legacy-models',
      lastMonth('token_usage_ledger_model_id_created_at_index', 'token_usage_ledger_redirected_index'),
    ],
    ['/admin/usage/ledger', lastMonth('token_usage_ledger_model_id_created_at_index')],
    ['/admin/usage/ledger?limit=200&model=gpt-5', lastMonth('token_usage_ledger_model_id_created_at_index')],
    [`/admin/usage/ledger?userId=${heavyUserId}`, lastMonth('token_usage_ledger_pkey')],
    [`/admin/credits/accounts/${heavyUserId}`, ever(...OF_GRANTS)],
    [`/admin/credits/accounts/${heavyUserId}/history`, ever('credit_postings_pkey')],
    ['/admin/credits/grants', ever(...OF_GRANTS)],
    [`/admin/credits/grants?userId=${heavyUserId}`, ever(...OF_GRANTS)],
    ['/admin/credits/holds', ever('credit_holds_pkey')],
    // No index may know what is pending: it would end the updates in place of every request.
    ['/admin/credits/holds?state=pending', { indexes: [], days: null, wholeTable: 'credit_accounts' }],
    [`/admin/credits/holds?userId=${heavyUserId}`, ever('credit_holds_pkey')],
    ['/admin/users', ever('users_pkey')],
    // What is looked for may be anywhere in an address, and there are no more users than people.
    ['/admin/users?email=nobody-has-this', { indexes: [], days: null, wholeTable: 'users' }],
    ['/admin/subscriptions', ever('subscriptions_pkey')],
    ['/admin/subscriptions?tier=enterprise', ever('subscriptions_pkey')],
    ['/admin/system-logs', lastDay('system_logs_pkey')],
    ['/admin/system-logs?level=error', lastDay('idx_system_logs_level_created')],
    ['/admin/system-logs?service=HoldSweeper&limit=200', lastDay('idx_system_logs_service_created')],
    [`/admin/system-logs?userId=${heavyUserId}`, lastDay('idx_system_logs_user_created')],
    ['/admin/api-usage', lastDay('idx_api_usage_window')],
    ['/admin/api-usage?sort=cost', lastDay(...OF_WINDOWS, 'idx_api_usage_cost')],
    ['/admin/api-usage?sort=errorRate', lastDay(...OF_WINDOWS, 'idx_api_usage_error_rate')],
    ['/admin/api-usage/summary', lastDay(...OF_WINDOWS)],
    ['/admin/api-usage/summary?groupBy=user', lastDay(...OF_WINDOWS)],
    ['/admin/performance?name=request_p95&interval=minute', lastDay('idx_performance_metrics_name_created')],
    ['/admin/audit-trail', ever('audit_trail_pkey')],
    ['/admin/audit-trail?action=plan.update', ever('idx_audit_trail_action_created', 'audit_trail_pkey')],
    [`/admin/audit-trail?actorId=${heavyUserId}`, ever('idx_audit_trail_actor_created')],
    ['/admin/audit-trail?entity=plan&entityId=pro', ever('idx_audit_trail_entity', 'audit_trail_pkey')],
  ];
  const user: [path: string, served: Served][] = [
    ['/v1/me/usage', lastMonth(...OF_USER)],
    ['/v1/me/usage?groupBy=day,model', lastMonth(...OF_USER)],
    ['/v1/usage', lastMonth('token_usage_ledger_pkey')],
    ['/v1/me/limits', ever('credit_accounts_pkey')],
    ['/v1/me/credits', ever(...OF_GRANTS)],
    ['/v1/me/credits/history', ever('credit_postings_pkey')],
  ];
  const asked = (as: UsageQuery['as'], [path, served]: [string, Served]): UsageQuery => ({
    name: path.replace(heavyUserId, '…'),
    path,
    as,
    ...served,
  });
  return [...operator.map((one) => asked('operator', one)), ...user.map((one) => asked('user', one))];
}

/** Lists that are read page by page to their thousandth, with as many lines to a page as a console shows. */
export const PAGED_LISTS = [
  '/admin/usage/ledger?limit=100',
  '/admin/users?limit=100',
  '/admin/subscriptions?limit=100',
  '/admin/credits/grants?limit=100',
  '/admin/credits/holds?limit=100',
  '/admin/audit-trail?limit=100',
] as const;
