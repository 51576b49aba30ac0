import { Migration } from '@mikro-orm/migrations';

/**
 * The end of a billing period: its only implementation, over arrays, one row per member, with `p_now` as the only clock. Which accounts are
 * due is found by index; a member that has been closed before is left alone.
 */
export class Migration20261123000102_period_close extends Migration {
  override up(): void {
    this.addSql(`create index credit_accounts_next_due_at_index on credit_accounts (next_due_at)`);
    this.addSql(CLOSE_PERIODS);
  }

  override down(): void {
    this.addSql(`drop function tollgate.close_periods`);
    this.addSql(`drop index credit_accounts_next_due_at_index`);
  }
}

/**
 * Closes period `p_indexes` of each subscription. What is free of its allowance and proration grants is carried up to the cap into a rollover
 * grant and forfeited beyond it; what is held stays on its grant, which is stamped, and joins the rollover when its hold ends. The
 * allowance of the next period repays an open debt first. Null in `p_allowances`: there is none; null in `p_ends`: nothing is carried.
 */
const CLOSE_PERIODS = `
create function tollgate.close_periods(
  p_users uuid[], p_subscriptions uuid[], p_indexes integer[],
  p_caps bigint[], p_min_carries bigint[], p_rollover_ends timestamptz[],
  p_allowances bigint[], p_next_indexes integer[], p_starts timestamptz[], p_ends timestamptz[], p_due timestamptz[],
  p_now timestamptz
) returns table (
  user_id uuid, is_closed boolean, left_ucr bigint, carried_ucr bigint, forfeited_ucr bigint, repaid_ucr bigint
) language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  n integer := cardinality(p_users);
  none bigint[] := array_fill(0::bigint, array[greatest(cardinality(p_users), 1)]);
  -- per member
  is_open boolean[]; debts bigint[];
  lefts bigint[] := none; carries bigint[] := none; rests bigint[] := none; repaid bigint[] := none;
  allowance_ids uuid[]; rollover_ids uuid[];
  -- open allowance and proration grants, in burn order per member
  gid uuid[]; gk integer[]; gfree bigint[]; gout bigint[] := '{}';
  closed integer; written integer; k integer; part bigint;
begin
  perform from (select a.user_id from credit_accounts a where a.user_id = any(p_users) order by a.user_id for update) locked;

  -- A new snapshot under the locks: whoever closed the period before us has committed.
  select array_agg(a.user_id is not null and c.user_id is null order by r.ord), array_agg(coalesce(a.debt_ucr, 0) order by r.ord),
    array_agg(gen_random_uuid() order by r.ord), array_agg(gen_random_uuid() order by r.ord)
  into is_open, debts, allowance_ids, rollover_ids
  -- Each by its key, whatever the planner believes: it may have seen these tables when they were empty. Joined, it then reads all of
  -- period_closes for every member.
  from unnest(p_users, p_subscriptions, p_indexes) with ordinality as r(user_id, subscription_id, period_index, ord)
  left join lateral (select t.user_id, t.debt_ucr from credit_accounts t where t.user_id = r.user_id offset 0) a on true
  left join lateral (
    select t.user_id from period_closes t
    where t.user_id = r.user_id and t.subscription_id = r.subscription_id and t.period_index = r.period_index offset 0
  ) c on true;

  select coalesce(array_agg(s.id order by s.k, s.expires_at nulls last, s.created_at, s.id), '{}'),
    coalesce(array_agg(s.k order by s.k, s.expires_at nulls last, s.created_at, s.id), '{}'),
    coalesce(array_agg(s.free order by s.k, s.expires_at nulls last, s.created_at, s.id), '{}')
  into gid, gk, gfree
  from (
    select c.id, r.ord::integer as k, c.remaining_ucr - c.held_ucr as free, c.expires_at, c.created_at
    from unnest(p_users, p_subscriptions, p_indexes, is_open) with ordinality as r(user_id, subscription_id, period_index, is_open, ord)
    join credits c on c.user_id = r.user_id and c.closed_at is null
    where r.is_open and c.subscription_id = r.subscription_id and c.period_index = r.period_index
      and c.source in ('subscription', 'proration')
  ) s;

  for g in 1..cardinality(gid) loop
    lefts[gk[g]] := lefts[gk[g]] + gfree[g];
  end loop;
  for i in 1..n loop
    if is_open[i] then
      if p_ends[i] is not null and lefts[i] >= p_min_carries[i] then
        carries[i] := least(lefts[i], p_caps[i]);
      end if;
      repaid[i] := least(debts[i], coalesce(p_allowances[i], 0));
    end if;
  end loop;
  rests := carries;
  for g in 1..cardinality(gid) loop
    k := gk[g];
    part := least(gfree[g], rests[k]);
    rests[k] := rests[k] - part;
    gout := array_append(gout, part);
  end loop;

  insert into period_closes (user_id, subscription_id, period_index, left_ucr, carried_ucr, cap_left_ucr, forfeited_ucr, closed_at, created_at, updated_at)
  select r.user_id, r.subscription_id, r.period_index, r.left, r.carried, case when r.next_end is null then 0 else r.cap - r.carried end,
    r.left - r.carried, p_now, p_now, p_now
  from unnest(p_users, p_subscriptions, p_indexes, is_open, lefts, carries, p_caps, p_ends)
    as r(user_id, subscription_id, period_index, is_open, "left", carried, cap, next_end)
  where r.is_open;
  get diagnostics closed = row_count;

  update credits c set expired_ucr = c.expired_ucr + x.free, closed_at = p_now, updated_at = p_now
  from unnest(gid, gk, gfree) as x(id, k, free)
  where c.user_id = p_users[x.k] and c.id = x.id;

  insert into credits (user_id, id, subscription_id, grant_key, source, period_index, period_start, period_end, total_ucr, used_ucr, priority,
    effective_at, expires_at, closed_at, created_at, updated_at)
  select r.user_id, r.rollover_id, r.subscription_id, 'rollover:' || r.subscription_id || ':' || r.period_index, 'rollover'::credit_source,
    r.period_index, r.starts, r.rollover_end, r.carried, 0, 20, r.starts, r.rollover_end, null, p_now, p_now
  from unnest(p_users, p_subscriptions, p_indexes, rollover_ids, carries, p_starts, p_rollover_ends)
    as r(user_id, subscription_id, period_index, rollover_id, carried, starts, rollover_end)
  where r.carried > 0
  union all
  select r.user_id, r.allowance_id, r.subscription_id, 'allowance:' || r.subscription_id || ':' || r.next_index, 'subscription'::credit_source,
    r.next_index, r.starts, r.ends, r.allowance, r.repaid, 30, r.starts, r.ends, case when r.allowance = r.repaid then p_now end, p_now, p_now
  from unnest(p_users, p_subscriptions, p_next_indexes, allowance_ids, p_allowances, repaid, p_starts, p_ends, is_open)
    as r(user_id, subscription_id, next_index, allowance_id, allowance, repaid, starts, ends, is_open)
  where r.is_open and r.allowance is not null;

  insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
  select p_users[x.k], gen_random_uuid(), x.id, v.kind, v.amount, p_now
  from unnest(gid, gk, gfree, gout) as x(id, k, free, out)
  cross join lateral (values ('roll_out'::posting_kind, -x.out), ('forfeit'::posting_kind, x.out - x.free)) as v(kind, amount)
  where v.amount < 0
  union all
  select r.user_id, gen_random_uuid(), v.credit_id, v.kind, v.amount, p_now
  from unnest(p_users, rollover_ids, carries, allowance_ids, p_allowances, repaid, is_open)
    as r(user_id, rollover_id, carried, allowance_id, allowance, repaid, is_open)
  cross join lateral (values (r.rollover_id, 'roll_in'::posting_kind, r.carried), (r.allowance_id, 'grant'::posting_kind, r.allowance),
    (r.allowance_id, 'debt_repayment'::posting_kind, -r.repaid)) as v(credit_id, kind, amount)
  where r.is_open and v.amount <> 0;

  update credit_accounts a set balance_ucr = a.balance_ucr - r.left + r.carried + coalesce(r.allowance, 0) - r.repaid,
    debt_ucr = a.debt_ucr - r.repaid, next_due_at = r.due, updated_at = p_now
  from unnest(p_users, is_open, lefts, carries, p_allowances, repaid, p_due) as r(user_id, is_open, "left", carried, allowance, repaid, due)
  where a.user_id = r.user_id and r.is_open;
  get diagnostics written = row_count;
  if written <> closed then
    raise exception 'closed % periods of % accounts: one account twice in a call', closed, written;
  end if;

  -- A cost that came between the end of the period and this close became debt although the period had credits left. Where the allowance does
  -- not repay all of it, what was carried does: nobody owes and has at the same time.
  for i in 1..n loop
    if is_open[i] and carries[i] > 0 and debts[i] > repaid[i] then
      repaid[i] := repaid[i] + tollgate.repay_debt(p_users[i], p_now);
    end if;
  end loop;

  return query
    select r.user_id, r.is_open, r.left, r.carried, r.left - r.carried, r.repaid
    from unnest(p_users, is_open, lefts, carries, repaid) with ordinality as r(user_id, is_open, "left", carried, repaid, ord)
    order by r.ord;
end $$`;
