import { Migration } from '@mikro-orm/migrations';

/**
 * Settle, void and expire: their only implementation, over arrays, with `p_now` as the only clock. The account is always the first lock, so
 * hold, grant and close rows are never waited for. Serial order: first every member within its hold, then those beyond it as they arrived.
 */
export class Migration20261122000701_settle_functions extends Migration {
  override up(): void {
    this.addSql(END_SPECIAL_SLICES);
    this.addSql(CHARGE_BEYOND_HOLD);
    this.addSql(SETTLE_BATCH);
  }

  override down(): void {
    this.addSql(`drop function tollgate.settle_batch`);
    this.addSql(`drop function tollgate.charge_beyond_hold`);
    this.addSql(`drop function tollgate.end_special_slices`);
  }
}

/**
 * The unused parts of ended holds that may not stay where they came from: those of a closed period join its rollover grant up to the cap
 * that is left and are forfeited beyond it; those of a promo, purchased, rolled-over or adjusted grant that has expired leave as expiry.
 */
const END_SPECIAL_SLICES = `
create function tollgate.end_special_slices(p_ids uuid[], p_users uuid[], p_now timestamptz)
returns void language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  x record; target record; cap_left bigint; carry bigint; target_id uuid; target_expires timestamptz; target_start timestamptz;
begin
  for x in
    select h.user_id, h.id as hold_id, c.id as credit_id, c.subscription_id, c.period_index,
      c.source in ('subscription', 'proration') as is_eligible,
      e.amount - greatest(0, least(e.amount, h.cost_ucr - e.before)) as back
    from unnest(p_ids, p_users) with ordinality as r(id, user_id, ord)
    join credit_holds h on h.user_id = r.user_id and h.id = r.id
    cross join lateral (
      select (s.value ->> 'creditId')::uuid as credit_id, (s.value ->> 'amountUcr')::bigint as amount, s.ordinality as pos,
        (sum((s.value ->> 'amountUcr')::bigint) over (order by s.ordinality))::bigint - (s.value ->> 'amountUcr')::bigint as before
      from jsonb_array_elements(h.slices) with ordinality as s
    ) e
    join credits c on c.user_id = h.user_id and c.id = e.credit_id
    where e.amount > greatest(0, least(e.amount, h.cost_ucr - e.before))
      and case when c.source in ('subscription', 'proration') then c.closed_at is not null else c.expires_at <= p_now end
    order by r.ord, e.pos
  loop
    carry := 0;
    if x.is_eligible then
      select p.cap_left_ucr into cap_left from period_closes p
      where p.user_id = x.user_id and p.subscription_id = x.subscription_id and p.period_index = x.period_index;
      carry := least(x.back, coalesce(cap_left, 0));
      if carry > 0 then
        select c.id, c.expires_at into target from credits c
        where c.user_id = x.user_id and c.grant_key = 'rollover:' || x.subscription_id || ':' || x.period_index;
        target_id := target.id;
        target_expires := target.expires_at;
        if target_id is null then
          -- Periods count from the anchor; in UTC, so that no session's time zone moves a month.
          select (s.billing_anchor_at at time zone 'UTC' + make_interval(months => x.period_index + 1)) at time zone 'UTC',
            (s.billing_anchor_at at time zone 'UTC' + make_interval(months => x.period_index + 1 + p.rollover_periods)) at time zone 'UTC'
          into target_start, target_expires
          from subscriptions s join plans p on p.tier = s.tier where s.id = x.subscription_id;
        end if;
        if target_expires is null or target_expires <= p_now then
          carry := 0;
        end if;
      end if;
      if carry > 0 then
        if target_id is null then
          target_id := gen_random_uuid();
          insert into credits (user_id, id, subscription_id, grant_key, source, period_index, period_start, period_end, total_ucr, priority,
            effective_at, expires_at, created_at, updated_at)
          values (x.user_id, target_id, x.subscription_id, 'rollover:' || x.subscription_id || ':' || x.period_index, 'rollover',
            x.period_index, target_start, target_expires, carry, 20, target_start, target_expires, p_now, p_now);
        else
          update credits set total_ucr = total_ucr + carry, closed_at = null, updated_at = p_now
          where user_id = x.user_id and id = target_id;
        end if;
        insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at) values
          (x.user_id, gen_random_uuid(), x.credit_id, x.hold_id, 'roll_out', -carry, p_now),
          (x.user_id, gen_random_uuid(), target_id, x.hold_id, 'roll_in', carry, p_now);
      end if;
      update period_closes set left_ucr = left_ucr + x.back, carried_ucr = carried_ucr + carry, cap_left_ucr = cap_left_ucr - carry,
        forfeited_ucr = forfeited_ucr + x.back - carry, updated_at = p_now
      where user_id = x.user_id and subscription_id = x.subscription_id and period_index = x.period_index;
    end if;
    if x.back > carry then
      insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
      values (x.user_id, gen_random_uuid(), x.credit_id, x.hold_id,
        case when x.is_eligible then 'forfeit' else 'expiry' end::posting_kind, carry - x.back, p_now);
      update credit_accounts set balance_ucr = balance_ucr - x.back + carry, updated_at = p_now where user_id = x.user_id;
    end if;
    update credits set expired_ucr = expired_ucr + x.back, updated_at = p_now,
      closed_at = case when remaining_ucr = x.back then coalesce(closed_at, p_now) else closed_at end
    where user_id = x.user_id and id = x.credit_id;
  end loop;
end $$`;

/** Cost that no hold covers: other active grants in burn order, then debt. Returns the new debt. */
export const CHARGE_BEYOND_HOLD = `
create function tollgate.charge_beyond_hold(p_user uuid, p_hold uuid, p_rest bigint, p_now timestamptz)
returns bigint language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  c record; take bigint; rest bigint := p_rest;
begin
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
    insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
    values (p_user, gen_random_uuid(), c.id, p_hold, 'usage', -take, p_now);
  end loop;
  if rest > 0 then
    insert into credit_postings (user_id, id, hold_id, kind, amount_ucr, created_at)
    values (p_user, gen_random_uuid(), p_hold, 'debt', rest, p_now);
  end if;
  update credit_accounts set balance_ucr = balance_ucr - (p_rest - rest), debt_ucr = debt_ucr + rest, updated_at = p_now
  where user_id = p_user;
  update credit_holds set new_debt_ucr = rest where user_id = p_user and id = p_hold;
  return rest;
end $$`;

export const SETTLE_BATCH = `
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
  attempts smallint[] := array_fill(0::smallint, array[greatest(n, 1)]);
  tokens bigint[] := array_fill(0::bigint, array[greatest(n, 1)]);
  costs bigint[] := tokens;
  done integer[]; beyond integer[]; late integer[] := '{}'; has_special boolean;
  late_ids uuid[]; late_users uuid[]; done_ids uuid[]; done_users uuid[]; known_users uuid[]; available bigint[];
  k integer; covered bigint;
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
    update credit_holds t set state = r.state, ended_at = p_now, cost_ucr = r.cost, updated_at = p_now,
      attempts_charged = r.attempts
    from unnest(p_ids, p_users, p_states, p_costs, attempts, tokens) with ordinality as r(id, user_id, state, cost, attempts, tokens, ord)
    where t.user_id = r.user_id and t.id = r.id and t.state = 'pending' and (r.state <> 'expired' or t.expires_at <= p_now)
    returning r.ord, t.user_id, t.id, t.amount_ucr, t.slices, r.cost, r.tokens - t.bound_tokens as tokens, t.created_at
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
        coalesce(sum(h.tokens) filter (where date_trunc('minute', h.created_at, 'UTC') = w.minute_at), 0)::bigint as minute_tokens,
        coalesce(sum(h.tokens) filter (where date_trunc('day', h.created_at, 'UTC') = w.day_at), 0)::bigint as day_tokens,
        coalesce(sum(h.tokens) filter (where date_trunc('month', h.created_at, 'UTC') = w.month_at), 0)::bigint as month_tokens
      from h join credit_accounts w on w.user_id = h.user_id group by h.user_id
    ) x
    where t.user_id = x.user_id
  ), p as (
    insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
    select s.user_id, gen_random_uuid(), s.credit_id, s.hold_id, 'usage', -s.used, p_now from s where s.used > 0
  )
  select coalesce(array_agg(h.ord order by h.ord), '{}'), coalesce(array_agg(h.ord order by h.ord) filter (where h.cost > h.amount_ucr), '{}'),
    coalesce((select bool_or(g.is_special) from g), false)
  into done, beyond, has_special from h;

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
        late_ids[k] := null;
        update credit_accounts a set updated_at = p_now,
          minute_tokens = a.minute_tokens + case when date_trunc('minute', h.created_at, 'UTC') = a.minute_at then tokens[i] else 0 end,
          day_tokens = a.day_tokens + case when date_trunc('day', h.created_at, 'UTC') = a.day_at then tokens[i] else 0 end,
          month_tokens = a.month_tokens + case when date_trunc('month', h.created_at, 'UTC') = a.month_at then tokens[i] else 0 end
        from credit_holds h where a.user_id = p_users[i] and h.user_id = p_users[i] and h.id = p_ids[i];
      end if;
    end loop;
  end if;

  select coalesce(array_agg(p_ids[o] order by o), '{}'), coalesce(array_agg(p_users[o] order by o), '{}') into done_ids, done_users
  from unnest(done) as o;
  if has_special then
    perform tollgate.end_special_slices(done_ids, done_users, p_now);
  end if;

  -- Cost that no hold covers comes after all that was given back: a batch makes no debt that its members, one by one, would not make.
  for k in select o from unnest(beyond || late) as o order by o loop
    covered := 0;
    if k = any(done) then
      select h.amount_ucr into covered from credit_holds h where h.user_id = p_users[k] and h.id = p_ids[k];
    end if;
    if p_costs[k] > covered then
      perform tollgate.charge_beyond_hold(p_users[k], p_ids[k], p_costs[k] - covered, p_now);
    end if;
  end loop;

  insert into token_usage_ledger (user_id, id, request_id, hold_id, attempt_no, subscription_id, model_id, model_version_no, provider,
    provider_request_id, operation, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, image_count,
    image_tokens, price_basis, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, first_token_ms, metadata, created_at)
  select p_users[u.member], u.id, p_ids[u.member], p_ids[u.member], u.attempt_no, u.subscription_id, u.model_id, u.model_version_no, u.provider,
    u.provider_request_id, u.operation, u.input, u.cached, u.written, u.output, u.reasoning, u.images,
    u.image_tokens, u.price_basis, u.credits, u.cost, u.source, u.outcome, u.latency, u.first_token, u.metadata, p_now
  from unnest(u_members, u_ids, u_attempts, u_subscriptions, u_models, u_model_versions, u_providers, u_provider_requests,
    u_operations, u_input, u_cached, u_written, u_output, u_reasoning, u_images, u_image_tokens, u_bases, u_credits, u_costs, u_sources,
    u_outcomes, u_latencies, u_first_tokens, u_metadata)
    as u(member, id, attempt_no, subscription_id, model_id, model_version_no, provider, provider_request_id, operation, input,
      cached, written, output, reasoning, images, image_tokens, price_basis, credits, cost, source, outcome, latency, first_token, metadata)
  where u.member = any(done || late);

  -- A charged answer is kept for its key; a void or an expiry gives the key back.
  delete from idempotency_keys t
  using unnest(p_ids, p_users, p_states) with ordinality as r(id, user_id, state, ord)
  where t.user_id = r.user_id and t.request_id = r.id and t.state = 'in_progress' and r.state <> 'settled' and r.ord = any(done);
  if p_keys is not null then
    insert into idempotency_keys as t (user_id, route, key, request_id, request_hash, state, status, headers, body_sealed, created_at, updated_at)
    select r.user_id, r.route, r.key, r.id, r.hash, 'done', r.status, r.headers, r.body, coalesce(r.held_at, p_now), p_now
    from unnest(p_ids, p_users, p_states, p_held_at, p_routes, p_keys, p_hashes, p_statuses, p_headers, p_bodies)
      with ordinality as r(id, user_id, state, held_at, route, key, hash, status, headers, body, ord)
    where r.key is not null and r.state = 'settled' and r.ord = any(done || late)
    on conflict (user_id, route, key) do update set state = 'done', status = excluded.status, headers = excluded.headers,
      body_sealed = excluded.body_sealed, updated_at = p_now
      where t.request_id = excluded.request_id;
  end if;

  -- Once per user, not per member: a batch may be all one user's.
  select array_agg(u.user_id order by u.user_id), array_agg(tollgate.available(u.user_id, p_now) order by u.user_id)
  into known_users, available
  from (select distinct r.user_id from unnest(p_users) as r(user_id)) u;
  return query
    select r.id, case when h.id is null then 'unknown' when r.ord = any(done) or r.ord = any(late) then 'done' else 'repeat' end,
      h.state, h.cost_ucr, h.new_debt_ucr, available[array_position(known_users, r.user_id)]
    from unnest(p_ids, p_users) with ordinality as r(id, user_id, ord)
    left join credit_holds h on h.user_id = r.user_id and h.id = r.id
    order by r.ord;
end $$`;
