import type { BudgetPeriod, BudgetScope } from '../budget.entity.js';
import { ledgerSums, ROLLUP_POSITION, UNREAD_ROWS } from '../rollup/usage-rollup.queries.js';

/** What was spent of each budget in its present period, in the unit of its limit. */
export interface BudgetSpend {
  id: string;
  scope: BudgetScope;
  scope_key: string | null;
  period: BudgetPeriod;
  limit_nusd: string | null;
  limit_ucr: string | null;
  thresholds: number[];
  is_hard_stop: boolean;
  alert_emails: string[];
  starts_at: string;
  ends_at: string;
  spent: string;
}

export function limitOf({ limit_nusd, limit_ucr }: Pick<BudgetSpend, 'limit_nusd' | 'limit_ucr'>): bigint {
  return BigInt(limit_nusd ?? limit_ucr ?? 0);
}

const AMOUNT = 'case when b.limit_ucr is null then s.cost_nusd else s.credits_ucr end';

const spentByAll = (condition = ''): string => `(
  select sum(${AMOUNT}) from usage_totals s
   where s.unit = 'day' and s.start_at >= p.starts_at and s.start_at < p.ends_at ${condition})`;

const SPENT_BY_USER = `(
  select sum(${AMOUNT}) from usage_hourly s where s.user_id = b.scope_key::uuid and s.hour >= p.starts_at and s.hour < p.ends_at)`;

/**
 * Days and months are those of UTC at `?`. Each scope reads the fewest sums that tell it, and the ledger rows that no sum has yet: the sums stand
 * still while anybody on the database server, whose transaction may be of another database, has not committed what he writes.
 */
export const SPEND_SQL = `
  with unread as materialized (${ledgerSums(UNREAD_ROWS(ROLLUP_POSITION))})
  select b.id, b.scope, b.scope_key, b.period, b.limit_nusd::text, b.limit_ucr::text, b.thresholds, b.is_hard_stop, b.alert_emails,
    to_char(p.starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as starts_at,
    to_char(p.ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as ends_at,
    (coalesce(case b.scope
      when 'global' then ${spentByAll()}
      when 'tier' then ${spentByAll('and s.tier = b.scope_key')}
      when 'model' then ${spentByAll('and s.model_id = b.scope_key')}
      when 'user' then ${SPENT_BY_USER}
    end, 0) + coalesce((
      select sum(${AMOUNT}) from unread s
       where s.hour >= p.starts_at and s.hour < p.ends_at and case b.scope
         when 'tier' then s.tier = b.scope_key
         when 'model' then s.model_id = b.scope_key
         when 'user' then s.user_id = b.scope_key::uuid
         else true end
    ), 0))::text as spent
  from budgets b
  cross join lateral (
    select date_trunc(b.period::text, ?::timestamptz, 'UTC') as starts_at,
      (date_trunc(b.period::text, ?::timestamptz at time zone 'UTC') + ('1 ' || b.period)::interval) at time zone 'UTC' as ends_at
  ) p`;

/** Alerts that are not there yet: of two who evaluate at once, one writes each. */
export const ADD_ALERTS_SQL = `
  insert into budget_alerts (id, budget_id, period_start, threshold, spent, created_at)
  select a.id, a.budget_id, a.period_start, a.threshold, a.spent, ?::timestamptz
    from jsonb_to_recordset(?::jsonb) as a (id uuid, budget_id uuid, period_start timestamptz, threshold smallint, spent bigint)
  on conflict (budget_id, period_start, threshold) do nothing
  returning budget_id, threshold`;

/** The language of each address of the list: that of its person, and English where nobody has it. */
export const LANGUAGES_SQL = `
  select a.email, coalesce(u.language, 'en') as language from jsonb_array_elements_text(?::jsonb) as a (email)
    left join users u on u.email = a.email::citext and u.deleted_at is null`;

/** Sets who stops until when, and answers how many changed. */
export const SET_STOPS_SQL = `
  with stop as (select s.id, s.until from jsonb_to_recordset(?::jsonb) as s (id uuid, until timestamptz)),
  changed as (
    update budgets b set stopped_until = s.until from (select b.id, stop.until from budgets b left join stop using (id)) s
     where s.id = b.id and b.stopped_until is distinct from s.until and (s.until is not null or b.stopped_until > ?::timestamptz)
    returning b.id
  )
  select count(*)::integer as changed from changed`;
