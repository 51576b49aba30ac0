import { Migration } from '@mikro-orm/migrations';
import { CHARGE_BEYOND_HOLD, SETTLE_BATCH as SETTLE_BATCH_BEFORE } from './Migration20261122000701_settle_functions.js';

/**
 * `settle_batch` repays an open debt with what it gives back: until now such a user had credits and was refused all the same. What holds do not
 * cover is charged in one statement for the whole batch.
 */
export class Migration20261123000101_debt_repayment extends Migration {
  override up(): void {
    this.addSql(REPAY_DEBT);
    this.addSql(DROP_SETTLE_BATCH);
    this.addSql(`drop function tollgate.charge_beyond_hold`);
    this.addSql(CHARGE_BEYOND_HOLDS);
    this.addSql(SETTLE_BATCH);
  }

  override down(): void {
    this.addSql(DROP_SETTLE_BATCH);
    this.addSql(`drop function tollgate.charge_beyond_holds`);
    this.addSql(CHARGE_BEYOND_HOLD);
    this.addSql(SETTLE_BATCH_BEFORE);
    this.addSql(`drop function tollgate.repay_debt`);
  }
}

const DROP_SETTLE_BATCH = `drop function tollgate.settle_batch`;

/** Repays an open debt from what is free, in burn order. Expects the account's lock. Returns what was repaid. */
const REPAY_DEBT = `
create function tollgate.repay_debt(p_user uuid, p_now timestamptz)
returns bigint language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  c record; owed bigint; rest bigint; take bigint;
begin
  select debt_ucr into owed from credit_accounts where user_id = p_user;
  rest := coalesce(owed, 0);
  if rest = 0 then
    return 0;
  end if;
  for c in
    select id, remaining_ucr - held_ucr as free from credits
    where user_id = p_user and closed_at is null and effective_at <= p_now and (expires_at is null or expires_at > p_now)
      and remaining_ucr > held_ucr
    order by priority, expires_at nulls last, created_at, id
  loop
    exit when rest = 0;
    take := least(rest, c.free);
    rest := rest - take;
    update credits set used_ucr = used_ucr + take, updated_at = p_now,
      closed_at = case when remaining_ucr = take then p_now end
    where user_id = p_user and id = c.id;
    insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
    values (p_user, gen_random_uuid(), c.id, 'debt_repayment', -take, p_now);
  end loop;
  if rest < owed then
    update credit_accounts set balance_ucr = balance_ucr - (owed - rest), debt_ucr = rest, updated_at = p_now where user_id = p_user;
  end if;
  return owed - rest;
end $$`;

/** Cost that no hold covers, as far as `p_rests` is above 0, in the order of its members: other active grants in burn order, then debt. */
const CHARGE_BEYOND_HOLDS = `
create function tollgate.charge_beyond_holds(p_users uuid[], p_holds uuid[], p_rests bigint[], p_now timestamptz)
returns void language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  -- Lay the costs of a user end to end, and what is free beside them: where a cost and a grant overlap, the one pays the other.
  with m as (
    select r.ord, r.user_id, r.hold_id, r.rest, sum(r.rest) over (partition by r.user_id order by r.ord)::bigint as until
    from unnest(p_users, p_holds, p_rests) with ordinality as r(user_id, hold_id, rest, ord) where r.rest > 0
  ), s as (
    select m.ord, m.user_id, m.hold_id, m.rest, f.credit_id,
      case when f.credit_id is null then 0 else least(m.until, f.until) - greatest(m.until - m.rest, f.until - f.free) end as used
    from m left join lateral (
      select c.id as credit_id, c.remaining_ucr - c.held_ucr as free,
        sum(c.remaining_ucr - c.held_ucr) over (order by c.priority, c.expires_at nulls last, c.created_at, c.id)::bigint as until
      from credits c
      where c.user_id = m.user_id and c.closed_at is null and c.effective_at <= p_now and (c.expires_at is null or c.expires_at > p_now)
        and c.remaining_ucr > c.held_ucr
    ) f on f.until > m.until - m.rest and f.until - f.free < m.until
  ), d as (
    select s.user_id, s.hold_id, s.rest, s.rest - sum(s.used)::bigint as debt
    from s group by s.ord, s.user_id, s.hold_id, s.rest
  ), g as (
    update credits c set used_ucr = c.used_ucr + x.used, updated_at = p_now,
      closed_at = case when c.remaining_ucr = x.used then p_now else c.closed_at end
    from (select s.user_id, s.credit_id, sum(s.used)::bigint as used from s where s.used > 0 group by s.user_id, s.credit_id) x
    where c.user_id = x.user_id and c.id = x.credit_id
  ), a as (
    update credit_accounts t set balance_ucr = t.balance_ucr - x.used, debt_ucr = t.debt_ucr + x.debt, updated_at = p_now
    from (select d.user_id, sum(d.rest - d.debt)::bigint as used, sum(d.debt)::bigint as debt from d group by d.user_id) x
    where t.user_id = x.user_id
  ), h as (
    update credit_holds t set new_debt_ucr = d.debt
    from d where t.user_id = d.user_id and t.id = d.hold_id and d.debt > 0
  )
  insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
  select s.user_id, gen_random_uuid(), s.credit_id, s.hold_id, 'usage'::posting_kind, -s.used, p_now from s where s.used > 0
  union all
  select d.user_id, gen_random_uuid(), null, d.hold_id, 'debt', d.debt, p_now from d where d.debt > 0;
end $$`;

const SETTLE_BATCH = `
create function tollgate.settle_batch(
  p_ids uuid[], p_users uuid[], p_states hold_state[], p_costs bigint[],
  p_amounts bigint[], p_accesses uuid[], p_models text[], p_model_versions integer[], p_bound_tokens integer[],
  p_held_at timestamptz[], p_expires timestamptz[],
  u_members integer[], u_ids uuid[], u_attempts smallint[], u_subscriptions uuid[], u_models text[],
  u_model_versions integer[], u_providers text[], u_provider_requests text[], u_operations usage_operation[],
  u_input integer[], u_cached integer[], u_written integer[], u_output integer[], u_reasoning integer[], u_images integer[],
  u_image_tokens integer[], u_bases price_basis[], u_credits bigint[], u_costs bigint[], u_sources usage_source[],
  u_outcomes usage_outcome[], u_latencies integer[], u_first_tokens integer[], u_metadata jsonb[],
  p_now timestamptz,
  p_routes text[] default null, p_keys text[] default null, p_hashes bytea[] default null,
  p_statuses smallint[] default null, p_headers jsonb[] default null, p_bodies bytea[] default null
) returns table (
  id uuid, outcome text, state hold_state, cost_ucr bigint, new_debt_ucr bigint, available_ucr bigint
) language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  n integer := cardinality(p_ids);
  -- by member: what it is charged for, and what of its cost no hold covers
  attempts smallint[] := array_fill(0::smallint, array[n]);
  tokens bigint[] := array_fill(0::bigint, array[n]);
  costs bigint[] := tokens;
  rests bigint[] := tokens;
  done integer[]; late integer[] := '{}'; charged integer[]; over integer[]; over_rests bigint[]; has_special boolean; has_debt boolean;
  late_ids uuid[]; late_users uuid[];
  k integer;
begin
  -- The cost of a hold is the sum of its charged attempts; a void or an expiry costs nothing.
  for i in 1..cardinality(u_members) loop
    k := u_members[i];
    attempts[k] := attempts[k] + 1;
    tokens[k] := tokens[k] + u_input[i] + u_output[i];
    costs[k] := costs[k] + u_credits[i];
  end loop;
  for i in 1..n loop
    if p_states[i] is null or p_states[i] not in ('settled', 'voided', 'expired') then
      raise exception 'hold % cannot end as %', p_ids[i], p_states[i];
    elsif p_costs[i] is distinct from costs[i] or (p_states[i] <> 'settled' and attempts[i] > 0) then
      raise exception 'the cost of hold % is not the sum of its attempts', p_ids[i];
    end if;
  end loop;

  perform from (select a.user_id from credit_accounts a where a.user_id = any(p_users) order by a.user_id for update) locked;

  -- Everything within the holds, in one statement that the compare-and-set feeds. No part joins two of the derived sets.
  with h as (
    update credit_holds t set state = p_states[i], ended_at = p_now, cost_ucr = p_costs[i], updated_at = p_now,
      attempts_charged = attempts[i]
    from unnest(p_users) with ordinality as m(user_id, i)
    where t.user_id = m.user_id and t.id = p_ids[i] and t.state = 'pending' and (p_states[i] <> 'expired' or t.expires_at <= p_now)
    returning i as ord, t.user_id, t.id, t.amount_ucr, t.slices, t.cost_ucr as cost, tokens[i] - t.bound_tokens as tokens, t.created_at
  ), s as (
    select h.ord, h.user_id, h.id as hold_id, e.credit_id, e.amount, greatest(0, least(e.amount, h.cost - e.before))::bigint as used
    from h cross join lateral (
      select (v.value ->> 'creditId')::uuid as credit_id, (v.value ->> 'amountUcr')::bigint as amount,
        (sum((v.value ->> 'amountUcr')::bigint) over (order by v.ordinality))::bigint - (v.value ->> 'amountUcr')::bigint as before
      from jsonb_array_elements(h.slices) with ordinality as v
    ) e
  ), g as (
    update credits c set held_ucr = c.held_ucr - x.amount, used_ucr = c.used_ucr + x.used, updated_at = p_now,
      closed_at = case when c.remaining_ucr = x.used then coalesce(c.closed_at, p_now) else c.closed_at end
    from (select s.user_id, s.credit_id, sum(s.amount)::bigint as amount, sum(s.used)::bigint as used from s group by s.user_id, s.credit_id) x
    where c.user_id = x.user_id and c.id = x.credit_id
    returning x.amount > x.used
      and case when c.source in ('subscription', 'proration') then c.closed_at is not null else c.expires_at <= p_now end as is_special
  ), a as (
    update credit_accounts t set held_ucr = t.held_ucr - x.amount, balance_ucr = t.balance_ucr - x.used, updated_at = p_now,
      pending_count = t.pending_count - x.members, minute_tokens = t.minute_tokens + x.minute_tokens,
      day_tokens = t.day_tokens + x.day_tokens, month_tokens = t.month_tokens + x.month_tokens
    from (
      select h.user_id, sum(h.amount_ucr)::bigint as amount, sum(least(h.cost, h.amount_ucr))::bigint as used, count(*)::integer as members,
        coalesce(sum(h.tokens) filter (where h.created_at >= w.minute_at), 0)::bigint as minute_tokens,
        coalesce(sum(h.tokens) filter (where h.created_at >= w.day_at), 0)::bigint as day_tokens,
        coalesce(sum(h.tokens) filter (where h.created_at >= w.month_at), 0)::bigint as month_tokens
      from h join credit_accounts w on w.user_id = h.user_id group by h.user_id
    ) x
    where t.user_id = x.user_id
    returning t.debt_ucr > 0 as owes
  ), p as (
    insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
    select s.user_id, gen_random_uuid(), s.credit_id, s.hold_id, 'usage', -s.used, p_now from s where s.used > 0
  )
  select coalesce(array_agg(h.ord order by h.ord), '{}'), coalesce(array_agg(h.ord order by h.ord) filter (where h.cost > h.amount_ucr), '{}'),
    array_agg(h.cost - h.amount_ucr order by h.ord) filter (where h.cost > h.amount_ucr),
    coalesce((select bool_or(g.is_special) from g), false), coalesce((select bool_or(a.owes) from a), false)
  into done, over, over_rests, has_special, has_debt from h;

  -- An answer after the hold expired was paid for all the same; a hold that a crash lost is put back by what its request carries.
  if cardinality(done) < n then
    with x as (
      insert into credit_holds as t (user_id, id, access_id, model_id, model_version_no, amount_ucr, bound_tokens, slices, state, expires_at,
        ended_at, cost_ucr, attempts_charged, created_at, updated_at)
      select distinct on (r.user_id, r.id) r.user_id, r.id, r.access_id, r.model_id, r.model_version_no, r.amount, r.bound, '[]'::jsonb,
        'settled_late'::hold_state, r.expires_at, p_now, r.cost, r.attempts, r.held_at, p_now
      from unnest(p_ids, p_users, p_states, p_costs, p_amounts, p_accesses, p_models, p_model_versions, p_bound_tokens, p_held_at, p_expires, attempts)
        with ordinality as r(id, user_id, state, cost, amount, access_id, model_id, model_version_no, bound, held_at, expires_at, attempts, ord)
      where r.state = 'settled' and r.amount is not null and r.ord <> all(done)
        and exists (select from credit_accounts a where a.user_id = r.user_id)
      order by r.user_id, r.id, r.ord
      on conflict (user_id, id) do update set state = 'settled_late', ended_at = p_now, cost_ucr = excluded.cost_ucr,
        attempts_charged = excluded.attempts_charged, updated_at = p_now
        where t.state = 'expired'
      returning t.user_id, t.id
    )
    select coalesce(array_agg(x.id order by x.user_id, x.id), '{}'), coalesce(array_agg(x.user_id order by x.user_id, x.id), '{}')
    into late_ids, late_users from x;
    for i in 1..n loop
      k := array_position(late_ids, p_ids[i]);
      if k is not null and late_users[k] = p_users[i] and p_states[i] = 'settled' and not i = any(done) then
        late := array_append(late, i);
        rests[i] := p_costs[i];
        late_ids[k] := null;
        update credit_accounts a set updated_at = p_now,
          minute_tokens = a.minute_tokens + case when date_trunc('minute', h.created_at, 'UTC') = a.minute_at then tokens[i] else 0 end,
          day_tokens = a.day_tokens + case when date_trunc('day', h.created_at, 'UTC') = a.day_at then tokens[i] else 0 end,
          month_tokens = a.month_tokens + case when date_trunc('month', h.created_at, 'UTC') = a.month_at then tokens[i] else 0 end
        from credit_holds h where a.user_id = p_users[i] and h.user_id = p_users[i] and h.id = p_ids[i];
      end if;
    end loop;
  end if;

  charged := done || late;

  if has_special then
    perform tollgate.end_special_slices(array_agg(p_ids[o] order by o), array_agg(p_users[o] order by o), p_now) from unnest(done) as o;
  end if;

  -- What was given back pays an open debt first: free credits and a debt never stand side by side.
  if has_debt then
    perform tollgate.repay_debt(u.user_id, p_now)
    from (select distinct p_users[o] as user_id from unnest(done) as o) u;
  end if;

  -- Cost that no hold covers comes after all that was given back: a batch makes no debt that its members, one by one, would not make.
  for i in 1..cardinality(over) loop
    rests[over[i]] := over_rests[i];
  end loop;
  if over <> '{}' or late <> '{}' then
    perform tollgate.charge_beyond_holds(p_users, p_ids, rests, p_now);
  end if;

  insert into token_usage_ledger (user_id, id, request_id, hold_id, attempt_no, subscription_id, model_id, model_version_no, provider,
    provider_request_id, operation, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, image_count,
    image_tokens, price_basis, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, first_token_ms, metadata, created_at)
  select p_users[u_members[i]], u_ids[i], p_ids[u_members[i]], p_ids[u_members[i]], u_attempts[i], u_subscriptions[i], u_models[i], u_model_versions[i],
    u_providers[i], u_provider_requests[i], u_operations[i], u_input[i], u_cached[i], u_written[i], u_output[i], u_reasoning[i], u_images[i],
    u_image_tokens[i], u_bases[i], u_credits[i], u_costs[i], u_sources[i], u_outcomes[i], u_latencies[i], u_first_tokens[i], u_metadata[i], p_now
  from generate_subscripts(u_ids, 1) as i
  where u_members[i] = any(charged);

  -- A charged answer is kept for its key; a void or an expiry gives the key back.
  if 'settled' <> any(p_states) then
    delete from idempotency_keys t
    using unnest(done) as o
    where p_states[o] <> 'settled' and t.user_id = p_users[o] and t.request_id = p_ids[o] and t.state = 'in_progress';
  end if;
  if p_keys is not null then
    insert into idempotency_keys as t (user_id, route, key, request_id, request_hash, state, status, headers, body_sealed, created_at, updated_at)
    select p_users[o], p_routes[o], p_keys[o], p_ids[o], p_hashes[o], 'done', p_statuses[o], p_headers[o], p_bodies[o], coalesce(p_held_at[o], p_now), p_now
    from unnest(charged) as o
    where p_keys[o] is not null and p_states[o] = 'settled'
    on conflict (user_id, route, key) do update set state = 'done', status = excluded.status, headers = excluded.headers,
      body_sealed = excluded.body_sealed, updated_at = p_now
      where t.request_id = excluded.request_id;
  end if;

  -- What is available is looked up once per user, not per member: a batch may be all one user's.
  return query
    select p_ids[i], case when h.id is null then 'unknown' when i = any(charged) then 'done' else 'repeat' end, h.state, h.cost_ucr, h.new_debt_ucr,
      coalesce(max(case when array_position(p_users, m.user_id) = i then (
        select coalesce(sum(c.remaining_ucr - c.held_ucr)::bigint, 0) from credits c
        where c.user_id = m.user_id and c.closed_at is null and c.effective_at <= p_now and (c.expires_at is null or c.expires_at > p_now)
      ) - a.debt_ucr end) over (partition by m.user_id), 0)
    from unnest(p_users) with ordinality as m(user_id, i)
    left join credit_accounts a on a.user_id = m.user_id
    left join credit_holds h on h.user_id = m.user_id and h.id = p_ids[i]
    order by i;
end $$`;
