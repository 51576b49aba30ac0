import { ROLLUP_DIFFERENCES, TOTAL_DIFFERENCES } from './rollup/usage-rollup.queries.js';

/** Rows that break an invariant: whose, which row, and the figures that do not agree. Each query answers nothing when the books balance. */
export interface ReconciliationCheck {
  name: string;
  /** The number in the list of invariants that the documentation holds. */
  invariant: number;
  sql: string;
}

const POSTINGS_BY_GRANT = `select user_id, credit_id, sum(amount_ucr) as amount from credit_postings_all where credit_id is not null group by user_id, credit_id`;

const PENDING_SLICES = `
  select h.user_id, (s.value ->> 'creditId')::uuid as credit_id, (s.value ->> 'amountUcr')::bigint as amount
  from credit_holds h cross join lateral jsonb_array_elements(h.slices) as s where h.state = 'pending'`;

const MONTHS = (count: string): string =>
  `(s.billing_anchor_at at time zone 'UTC' + make_interval(months => ${count})) at time zone 'UTC'`;

export const RECONCILIATION_CHECKS: readonly ReconciliationCheck[] = [
  {
    name: 'grant_equals_postings',
    invariant: 1,
    sql: `
      select coalesce(c.user_id, p.user_id) as user_id, coalesce(c.id, p.credit_id)::text as subject,
        format('postings %s, remaining %s', p.amount, c.remaining_ucr) as detail
      from credits c full join (${POSTINGS_BY_GRANT}) p on p.user_id = c.user_id and p.credit_id = c.id
      where coalesce(p.amount, 0) is distinct from c.remaining_ucr`,
  },
  {
    name: 'grant_held_within_remaining',
    invariant: 1,
    sql: `
      select user_id, id::text as subject, format('held %s, remaining %s', held_ucr, remaining_ucr) as detail
      from credits where held_ucr < 0 or held_ucr > remaining_ucr`,
  },
  {
    name: 'account_equals_grants',
    invariant: 2,
    sql: `
      select coalesce(a.user_id, g.user_id) as user_id, 'account' as subject,
        format('balance %s, grants %s; held %s, grants hold %s', a.balance_ucr, g.remaining, a.held_ucr, g.held) as detail
      from credit_accounts a
      full join (select user_id, sum(remaining_ucr) as remaining, sum(held_ucr) as held from credits group by user_id) g on g.user_id = a.user_id
      where a.user_id is null or a.balance_ucr <> coalesce(g.remaining, 0) or a.held_ucr <> coalesce(g.held, 0)`,
  },
  {
    name: 'account_equals_pending_holds',
    invariant: 2,
    sql: `
      select coalesce(a.user_id, h.user_id) as user_id, 'account' as subject,
        format('held %s, pending holds %s; pending %s, holds %s', a.held_ucr, h.amount, a.pending_count, h.members) as detail
      from credit_accounts a
      full join (
        select user_id, sum(amount_ucr) as amount, count(*) as members from credit_holds where state = 'pending' group by user_id
      ) h on h.user_id = a.user_id
      where a.user_id is null or a.held_ucr <> coalesce(h.amount, 0) or a.pending_count <> coalesce(h.members, 0)`,
  },
  {
    name: 'grant_held_equals_slices',
    invariant: 2,
    sql: `
      select coalesce(c.user_id, s.user_id) as user_id, coalesce(c.id, s.credit_id)::text as subject,
        format('held %s, slices of pending holds %s', c.held_ucr, s.amount) as detail
      from credits c
      full join (select user_id, credit_id, sum(amount) as amount from (${PENDING_SLICES}) p group by user_id, credit_id) s
        on s.user_id = c.user_id and s.credit_id = c.id
      where coalesce(s.amount, 0) is distinct from c.held_ucr`,
  },
  {
    name: 'debt_equals_postings',
    invariant: 2,
    sql: `
      select coalesce(a.user_id, p.user_id) as user_id, 'account' as subject, format('debt %s, postings %s', a.debt_ucr, p.debt) as detail
      from credit_accounts a
      full join (
        select user_id, sum(case kind when 'debt_repayment' then -abs(amount_ucr) else amount_ucr end) as debt
        from credit_postings_all where kind in ('debt', 'debt_repayment') or (kind = 'refund' and credit_id is null) group by user_id
      ) p on p.user_id = a.user_id
      where a.user_id is null or a.debt_ucr <> coalesce(p.debt, 0)`,
  },
  {
    name: 'hold_ended_once',
    invariant: 3,
    sql: `
      select user_id, id::text as subject, format('state %s, ended %s, cost %s', state, ended_at, cost_ucr) as detail
      from credit_holds
      where (state = 'pending') <> (ended_at is null) or (state = 'pending') <> (cost_ucr is null)
        or (state in ('voided', 'expired') and (cost_ucr <> 0 or attempts_charged <> 0 or new_debt_ucr <> 0))`,
  },
  {
    name: 'hold_amount_equals_slices',
    invariant: 3,
    sql: `
      select h.user_id, h.id::text as subject, format('amount %s, slices %s', h.amount_ucr, s.amount) as detail
      from credit_holds h
      cross join lateral (select coalesce(sum((v.value ->> 'amountUcr')::bigint), 0) as amount from jsonb_array_elements(h.slices) as v) s
      where h.state <> 'settled_late' and h.amount_ucr <> s.amount`,
  },
  {
    name: 'usage_row_per_charged_attempt',
    invariant: 4,
    sql: `
      select coalesce(h.user_id, l.user_id) as user_id, coalesce(h.id, l.hold_id)::text as subject,
        format('attempts %s, usage rows %s; cost %s, charged %s', h.attempts_charged, l.members, h.cost_ucr, l.credits) as detail
      from credit_holds h
      full join (select user_id, hold_id, count(*) as members, sum(credits_ucr) as credits from token_usage_ledger_all group by user_id, hold_id) l
        on l.user_id = h.user_id and l.hold_id = h.id
      where h.id is null or h.attempts_charged <> coalesce(l.members, 0) or coalesce(h.cost_ucr, 0) <> coalesce(l.credits, 0)`,
  },
  {
    name: 'usage_equals_postings',
    invariant: 4,
    sql: `
      select coalesce(l.user_id, p.user_id) as user_id, coalesce(l.hold_id, p.hold_id)::text as subject,
        format('ledger %s, postings %s', l.credits, p.amount) as detail
      from (select user_id, hold_id, sum(credits_ucr) as credits from token_usage_ledger_all group by user_id, hold_id) l
      full join (
        select user_id, hold_id, sum(case when kind = 'debt' then amount_ucr else -amount_ucr end) as amount
        from credit_postings_all where kind in ('usage', 'debt') group by user_id, hold_id
      ) p on p.user_id = l.user_id and p.hold_id = l.hold_id
      where coalesce(l.credits, 0) <> coalesce(p.amount, 0)`,
  },
  {
    name: 'hold_debt_equals_postings',
    invariant: 4,
    sql: `
      select coalesce(h.user_id, p.user_id) as user_id, coalesce(h.id, p.hold_id)::text as subject,
        format('new debt %s, postings %s', h.new_debt_ucr, p.amount) as detail
      from credit_holds h
      full join (
        select user_id, hold_id, sum(amount_ucr) as amount from credit_postings_all where kind = 'debt' group by user_id, hold_id
      ) p on p.user_id = h.user_id and p.hold_id = h.id
      where coalesce(h.new_debt_ucr, 0) <> coalesce(p.amount, 0)`,
  },
  {
    name: 'posting_sign_fits_its_kind',
    invariant: 5,
    sql: `
      select user_id, id::text as subject, format('%s of %s', kind, amount_ucr) as detail
      from credit_postings_all
      where kind in ('grant', 'roll_in', 'debt') and amount_ucr < 0
        or kind = 'refund' and (amount_ucr < 0) <> (credit_id is null)
        or kind in ('usage', 'expiry', 'roll_out', 'forfeit', 'debt_repayment') and amount_ucr > 0`,
  },
  {
    name: 'append_only_triggers',
    invariant: 5,
    sql: `
      select null::uuid as user_id, t.relname::text as subject, format('%s of 2 triggers that refuse change', count(g.oid)) as detail
      from unnest(array['credit_postings', 'credit_postings_archive', 'token_usage_ledger', 'token_usage_ledger_archive']) as p(name)
      cross join lateral (select p.name::regclass as oid union all select inhrelid from pg_inherits where inhparent = p.name::regclass) x
      join pg_class t on t.oid = x.oid
      left join pg_trigger g on g.tgrelid = t.oid and g.tgenabled in ('O', 'A') and g.tgfoid = 'tollgate.refuse_change'::regproc
      group by t.relname having count(g.oid) < 2`,
  },
  {
    // In the place of foreign keys, which each request would pay for.
    name: 'lines_have_their_user_and_model',
    invariant: 5,
    sql: `
      select x.user_id, x.name as subject, 'there is no such user' as detail
      from (
        select distinct user_id, 'credit_holds' as name from credit_holds
        union all select distinct user_id, 'credit_postings' from credit_postings_all
        union all select distinct user_id, 'token_usage_ledger' from token_usage_ledger_all
      ) x where not exists (select from users u where u.id = x.user_id)
      union all
      select null::uuid, 'token_usage_ledger', format('there is no model "%s"', l.model_id)
      from (select distinct model_id from token_usage_ledger_all) l where not exists (select from models m where m.id = l.model_id)`,
  },
  {
    name: 'reversal_cancels_its_original',
    invariant: 5,
    sql: `
      select r.user_id, r.reversal_id::text as subject, format('original %s, reversal %s', o.amount_ucr, v.amount_ucr) as detail
      from credit_reversals r
      left join credit_postings_all o on o.user_id = r.user_id and o.id = r.original_id
      left join credit_postings_all v on v.user_id = r.user_id and v.id = r.reversal_id
      where o.id is null or v.id is null or o.amount_ucr <> -v.amount_ucr or o.credit_id is distinct from v.credit_id
        or v.kind::text is distinct from case when o.kind in ('usage', 'debt') then 'refund' when o.kind in ('grant', 'adjustment') then 'adjustment' end
      union all
      select p.user_id, p.id::text, format('refund of %s that cancels no line', p.amount_ucr) from credit_postings_all p
      where p.kind = 'refund' and not exists (select from credit_reversals r where r.user_id = p.user_id and r.reversal_id = p.id)`,
  },
  {
    name: 'one_grant_per_period',
    invariant: 6,
    sql: `
      select min(user_id::text)::uuid as user_id, subscription_id::text as subject,
        format('%s %s grants of period %s', count(*), source, period_index) as detail
      from credits where subscription_id is not null and source in ('subscription', 'rollover') and period_index is not null
      group by subscription_id, source, period_index having count(*) > 1`,
  },
  {
    name: 'periods_count_from_the_anchor',
    invariant: 6,
    sql: `
      select s.user_id, s.id::text as subject,
        format('period %s is %s to %s, anchor %s', s.period_index, s.current_period_start, s.current_period_end, s.billing_anchor_at) as detail
      from subscriptions s
      where s.current_period_start <> ${MONTHS('s.period_index')} or s.current_period_end <> ${MONTHS('s.period_index + 1')}`,
  },
  {
    // An account that is looked at too late gets its allowance late; one that never is, never.
    name: 'account_due_with_its_subscription',
    invariant: 6,
    sql: `
      select a.user_id, s.id::text as subject, format('the account is due at %s, the subscription at %s', a.next_due_at, s.due_at) as detail
      from (
        select user_id, id, case
            when status = 'suspended' then null
            when grace_ends_at is null then least(current_period_end, trial_ends_at)
            when cancel_at_period_end then least(current_period_end, grace_ends_at)
            else grace_ends_at
          end as due_at
        from subscriptions where status in ('active', 'suspended')
      ) s join credit_accounts a on a.user_id = s.user_id
      where a.next_due_at is distinct from s.due_at`,
  },
  {
    name: 'close_carries_or_forfeits_all',
    invariant: 6,
    sql: `
      select user_id, subscription_id::text as subject,
        format('period %s: left %s, carried %s, forfeited %s', period_index, left_ucr, carried_ucr, forfeited_ucr) as detail
      from period_closes where left_ucr <> carried_ucr + forfeited_ucr`,
  },
  {
    name: 'roll_outs_equal_roll_ins',
    invariant: 7,
    sql: `
      select user_id, coalesce(subscription_id::text, 'no subscription') as subject, format('period %s differs by %s', period_index, sum(amount_ucr)) as detail
      from (
        select p.user_id, c.subscription_id, c.period_index, p.amount_ucr
        from credit_postings_all p left join credits c on c.user_id = p.user_id and c.id = p.credit_id where p.kind in ('roll_out', 'roll_in')
      ) moved
      group by user_id, subscription_id, period_index having sum(amount_ucr) <> 0`,
  },
  {
    name: 'whole_system',
    invariant: 7,
    sql: `
      select null::uuid as user_id, 'system' as subject, format('given and owed %s, spent and left %s', given, spent) as detail
      from (
        select
          -- As amounts: the refund of a debt is negative, because it lowers it.
          (select coalesce(sum(case kind when 'refund' then abs(amount_ucr) else amount_ucr end), 0)
            from credit_postings_all where kind in ('grant', 'refund', 'adjustment'))
            + (select coalesce(sum(debt_ucr), 0) from credit_accounts) as given,
          (select coalesce(sum(credits_ucr), 0) from token_usage_ledger_all)
            + (select coalesce(sum(abs(amount_ucr)), 0) from credit_postings_all where kind in ('expiry', 'forfeit'))
            + (select coalesce(sum(remaining_ucr), 0) from credits) as spent
      ) total where given <> spent`,
  },
];

/** Invariant 9; the instant before which no pending hold may have expired comes as `$1`. */
export const OVERDUE_HOLDS: ReconciliationCheck = {
  name: 'no_hold_outlives_its_time',
  invariant: 9,
  sql: `
    select user_id, id::text as subject, format('pending, expired at %s', expires_at) as detail
    from credit_holds where state = 'pending' and expires_at < $1::timestamptz`,
};

/** Invariant 9, second half; the instant before which every ended period must have been closed comes as `$1`. */
export const OVERDUE_PERIODS: ReconciliationCheck = {
  name: 'no_period_outlives_its_grace',
  invariant: 9,
  sql: `
    select a.user_id, 'account' as subject, format('due since %s and not closed', a.next_due_at) as detail
    from credit_accounts a join users u on u.id = a.user_id
    where a.next_due_at < $1::timestamptz and a.suspended_at is null and u.deleted_at is null`,
};

/** Reports and budgets are told the truth. */
export const ROLLUP_EQUALS_LEDGER: ReconciliationCheck = {
  name: 'hourly_sums_equal_the_ledger',
  invariant: 11,
  sql: ROLLUP_DIFFERENCES,
};

export const TOTALS_EQUAL_HOURLY_SUMS: ReconciliationCheck = {
  name: 'totals_equal_the_hourly_sums',
  invariant: 11,
  sql: TOTAL_DIFFERENCES,
};

const amountAt = (rate: (part: string) => string): string => `
  greatest(0, l.input_tokens - l.cached_input_tokens - l.cache_write_tokens - case when ${rate('image')} is null then 0 else l.image_tokens end)
      * ${rate('input')}
    + l.cached_input_tokens * ${rate('cached')} + l.cache_write_tokens * ${rate('written')} + l.output_tokens * ${rate('output')}
    + case when ${rate('image')} is null then 0 else l.image_tokens * ${rate('image')} end`;

/**
 * Invariant 4, second half: credits and provider cost of each ledger row again, from its tokens and its pinned price version. The rates come
 * as arrays, one element per model version: `$1` model, `$2` version, `$3` basis, `$4` the input above which the long price holds (null:
 * never), `$5` to `$9` µcr per token of input, cached, written, output and image (null: as input), `$10` to `$14` the same in nano-USD.
 */
export const RECOMPUTED_CHARGES: ReconciliationCheck = {
  name: 'charge_recomputed_from_tokens',
  invariant: 4,
  sql: `
    select l.user_id, l.request_id::text as subject,
      format('%s version %s: charged %s µcr at a cost of %s nano-USD, recomputed %s and %s', l.model_id, l.model_version_no,
        l.credits_ucr, l.cost_nusd, c.credits, c.cost) as detail
    from token_usage_ledger_all l
    left join unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
        $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
      as r(model_id, version_no, basis, above, credits_input, credits_cached, credits_written, credits_output, credits_image,
        cost_input, cost_cached, cost_written, cost_output, cost_image)
      on r.model_id = l.model_id and r.version_no = l.model_version_no and r.basis = l.price_basis::text
    cross join lateral (
      select ${amountAt((part) => `r.credits_${part}`)} as credits, ${amountAt((part) => `r.cost_${part}`)} as cost,
        (r.basis = 'long_context') = (l.input_tokens > coalesce(r.above, 2147483647)) as is_basis_right
    ) c
    where l.credits_ucr is distinct from c.credits or l.cost_nusd is distinct from c.cost or c.is_basis_right is not true`,
};

/** Every model version that the ledger refers to. */
export const CHARGED_VERSIONS = `
  select v.model_id, v.version_no, v.meta from model_versions v
  where exists (select from token_usage_ledger_all l where l.model_id = v.model_id and l.model_version_no = v.version_no)`;
