import { Migration } from '@mikro-orm/migrations';
import { Migration20261123000101_debt_repayment } from './Migration20261123000101_debt_repayment.js';
import { Migration20261130080803_waiting_holds } from './Migration20261130080803_waiting_holds.js';

/**
 * The functions that reserve and settle do the same with less: what an account says comes from the statement that locks it, once for each account
 * and not for each member; slices are laid end to end in one pass; and a settlement answers what it did, without reading its holds again.
 */
export class Migration20261130130000_lighter_batches extends Migration {
  override up(): void {
    this.replace({
      reserve_batch: RESERVE_BATCH,
      settle_batch: SETTLE_BATCH,
      charge_beyond_holds: CHARGE_BEYOND_HOLDS,
    });
  }

  override async down(): Promise<void> {
    this.replace({
      reserve_batch: await this.textOf('reserve_batch', Migration20261130080803_waiting_holds),
      settle_batch: await this.textOf('settle_batch', Migration20261123000101_debt_repayment),
      charge_beyond_holds: await this.textOf('charge_beyond_holds', Migration20261123000101_debt_repayment),
    });
  }

  private replace(definitions: Record<string, string>): void {
    for (const [name, definition] of Object.entries(definitions)) {
      this.addSql(`drop function tollgate.${name}`);
      this.addSql(definition);
      for (const setting of PLANS_BY_KEY) this.addSql(`alter function tollgate.${name} set ${setting}`);
    }
  }

  /** As an earlier migration made the function. */
  private async textOf(
    name: string,
    Earlier: new (...by: ConstructorParameters<typeof Migration>) => Migration,
  ): Promise<string> {
    const earlier = new Earlier(this.driver, this.config);
    await earlier.up();
    const isMaking = (query: unknown): query is string =>
      typeof query === 'string' && query.includes(`create function tollgate.${name}(`);
    const text = earlier.getQueries().find(isMaking);
    if (text === undefined) throw new Error(`${Earlier.name} does not make tollgate.${name}`);
    return text;
  }
}

/** As for every function that moves money, see `plans_by_key`. */
const PLANS_BY_KEY = [
  'enable_seqscan = off',
  'enable_hashjoin = off',
  'enable_mergejoin = off',
  'enable_material = off',
  'cpu_index_tuple_cost = 1',
  'jit = off',
];

const RESERVE_BATCH = `
create function tollgate.reserve_batch(
  p_ids uuid[], p_users uuid[], p_accesses uuid[], p_models text[], p_model_versions integer[],
  p_amounts bigint[], p_tokens integer[], p_expires timestamptz[],
  p_concurrent integer[], p_minute_requests integer[], p_minute_tokens bigint[], p_day_requests integer[], p_day_tokens bigint[],
  p_month_requests integer[], p_month_tokens bigint[],
  p_now timestamptz,
  p_routes text[] default null, p_keys text[] default null, p_hashes bytea[] default null,
  p_wall timestamptz default null,
  p_waiting boolean[] default null
) returns table (
  id uuid, outcome text, available_ucr bigint, held_ucr bigint, debt_ucr bigint, next_grant_at timestamptz,
  limit_name text, limit_value bigint, limit_remaining bigint, reset_at timestamptz, claimed_by uuid, used bigint[]
) language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  n integer := cardinality(p_ids);
  -- A sign-in ends by the time on the wall, even where the product's own clock has been moved.
  access_now timestamptz := coalesce(p_wall, p_now);
  this_minute timestamptz := date_trunc('minute', p_now, 'UTC');
  this_day timestamptz := date_trunc('day', p_now, 'UTC');
  this_month timestamptz := date_trunc('month', p_now, 'UTC');
  -- The limits in the order in which they are tested, which is also that of what they count.
  limits text[] := '{concurrent_requests,requests_per_minute,tokens_per_minute,requests_per_day,tokens_per_day,requests_per_month,tokens_per_month}';
  -- By account, in key order: what its row says, and how many of its pending holds wait.
  account_users uuid[]; debts bigint[]; helds bigint[]; dues timestamptz[]; suspensions timestamptz[]; counted bigint[]; waiting bigint[];
  -- What is free, the grant that pays next, and what this batch has taken so far; what waits is none of the plan's concurrent requests.
  frees bigint[] := array_fill(0::bigint, array[n]);
  next_grants integer[] := '{}';
  taken bigint[] := frees; requests bigint[] := frees; under_way bigint[] := frees; tokens bigint[] := frees;
  -- By member, in order of arrival.
  verdicts text[]; owners uuid[]; slices jsonb[] := '{}';
  -- Grants with something free, in burn order, account by account.
  gids uuid[]; gaccounts integer[]; gfrees bigint[]; gtaken bigint[];
  held_ids uuid[] := '{}';
  has_pending boolean; has_twins boolean := false; held integer := 0;
  written integer; k integer; g integer; need bigint; take bigint; parts jsonb;
begin
  -- The accounts in key order, before anything else is waited for or read. What is read of a row is what it says once it is locked.
  select array_agg(a.user_id), array_agg(a.debt_ucr), array_agg(a.held_ucr), array_agg(a.next_due_at), array_agg(a.suspended_at),
    array_agg(array[a.pending_count,
      case when a.minute_at < this_minute then 0 else a.minute_requests end, case when a.minute_at < this_minute then 0 else a.minute_tokens end,
      case when a.day_at < this_day then 0 else a.day_requests end, case when a.day_at < this_day then 0 else a.day_tokens end,
      case when a.month_at < this_month then 0 else a.month_requests end, case when a.month_at < this_month then 0 else a.month_tokens end]),
    bool_or(a.pending_count > 0)
  into account_users, debts, helds, dues, suspensions, counted, has_pending
  from (select a.* from credit_accounts a where a.user_id = any(p_users) order by a.user_id for update) a;

  -- The client's keys, under their accounts' locks. One that is a day old is new again.
  if p_keys is not null then
    insert into idempotency_keys as t (user_id, route, key, request_id, request_hash, state, created_at, updated_at)
    select distinct on (r.user_id, r.route, r.key) r.user_id, r.route, r.key, r.id, r.hash, 'in_progress'::idempotency_state, p_now, p_now
    from unnest(p_ids, p_users, p_routes, p_keys, p_hashes) with ordinality as r(id, user_id, route, key, hash, ord)
    where r.key is not null and exists (select from credit_accounts a where a.user_id = r.user_id)
    order by r.user_id, r.route, r.key, r.ord
    on conflict (user_id, route, key) do update set request_id = excluded.request_id, request_hash = excluded.request_hash,
      state = 'in_progress', status = null, headers = null, body_sealed = null, created_at = p_now, updated_at = p_now
      where t.created_at <= p_now - interval '24 hours';
  end if;

  -- A new snapshot: what each member finds, and what refuses it whatever its neighbours do.
  select array_agg(r.verdict), array_agg(r.owner)
  into verdicts, owners
  from (
    select case
      when h.id is not null then 'repeat'
      when u.status <> 'active' or u.deleted_at is not null then 'account_suspended'
      when not exists (
          select from auth_grants x
          where x.id = p_accesses[i] and x.user_id = m.user_id and x.revoked_at is null and x.expires_at > access_now
        ) and not exists (
          select from api_keys x
          where x.id = p_accesses[i] and x.user_id = m.user_id and x.revoked_at is null and (x.expires_at is null or x.expires_at > access_now)
        ) then 'access_revoked'
      when t.request_id <> p_ids[i] then
        case when t.request_hash <> p_hashes[i] then 'conflict' when t.state = 'done' then 'replay' else 'in_progress' end
      end as verdict, t.request_id as owner
    from unnest(p_users) with ordinality as m(user_id, i)
    left join users u on u.id = m.user_id
    left join credit_holds h on h.user_id = m.user_id and h.id = p_ids[i]
    left join idempotency_keys t on t.user_id = m.user_id and t.route = p_routes[i] and t.key = p_keys[i]
    order by i
  ) r;

  select array_agg(s.id), array_agg(s.account), array_agg(s.free), array_fill(0::bigint, array[count(*)::integer])
  into gids, gaccounts, gfrees, gtaken
  from (
    select c.id, i as account, c.remaining_ucr - c.held_ucr as free
    from unnest(account_users) with ordinality as m(user_id, i) join credits c on c.user_id = m.user_id
    where c.closed_at is null and c.effective_at <= p_now and (c.expires_at is null or c.expires_at > p_now) and c.remaining_ucr > c.held_ucr
    order by i, c.priority, c.expires_at nulls last, c.created_at, c.id
  ) s;
  for i in 1..coalesce(cardinality(gids), 0) loop
    k := gaccounts[i];
    frees[k] := frees[k] + gfrees[i];
    if next_grants[k] is null then
      next_grants[k] := i;
    end if;
  end loop;

  if has_pending then
    select array_agg(w.pending) into waiting from (
      select (select count(*) from credit_holds h where h.user_id = m.user_id and h.is_waiting and h.state = 'pending') as pending
      from unnest(account_users) with ordinality as m(user_id, i) order by i
    ) w;
    for i in 1..cardinality(waiting) loop
      under_way[i] := -waiting[i];
    end loop;
  end if;

  -- An id that is there twice is rare, and to look for each among all before it is dear.
  if n > 1 then
    select count(distinct r.id) < n into has_twins from unnest(p_ids) as r(id);
  end if;

  -- Members in order of arrival, in arithmetic alone.
  for i in 1..n loop
    k := array_position(account_users, p_users[i]);
    outcome := case when k is null then 'no_account' else coalesce(verdicts[i], case
      when suspensions[k] is not null then 'subscription_inactive'
      when dues[k] <= p_now then 'period_due'
      when has_twins and p_ids[i] = any(held_ids) then 'repeat'
      when p_waiting[i] is not true and counted[k][1] + under_way[k] >= p_concurrent[i] then limits[1]
      when counted[k][2] + requests[k] >= p_minute_requests[i] then limits[2]
      when counted[k][3] + tokens[k] + p_tokens[i] > p_minute_tokens[i] then limits[3]
      when counted[k][4] + requests[k] >= p_day_requests[i] then limits[4]
      when counted[k][5] + tokens[k] + p_tokens[i] > p_day_tokens[i] then limits[5]
      when counted[k][6] + requests[k] >= p_month_requests[i] then limits[6]
      when counted[k][7] + tokens[k] + p_tokens[i] > p_month_tokens[i] then limits[7]
      when p_amounts[i] > 0 and debts[k] > 0 then 'debt_outstanding'
      when p_amounts[i] > frees[k] - taken[k] then 'insufficient'
      else 'held' end) end;
    if outcome = 'held' then
      need := p_amounts[i];
      parts := '[]';
      while need > 0 loop
        g := next_grants[k];
        take := least(need, gfrees[g] - gtaken[g]);
        parts := parts || jsonb_build_object('creditId', gids[g], 'amountUcr', take::text);
        gtaken[g] := gtaken[g] + take;
        need := need - take;
        if gtaken[g] = gfrees[g] then
          next_grants[k] := g + 1;
        end if;
      end loop;
      slices[i] := parts;
      held := held + 1;
      if has_twins then
        held_ids := array_append(held_ids, p_ids[i]);
      end if;
      taken[k] := taken[k] + p_amounts[i];
      requests[k] := requests[k] + 1;
      under_way[k] := under_way[k] + case when p_waiting[i] then 0 else 1 end;
      tokens[k] := tokens[k] + p_tokens[i];
    end if;

    id := p_ids[i];
    available_ucr := frees[k] - taken[k] - debts[k];
    held_ucr := helds[k] + taken[k];
    debt_ucr := debts[k];
    claimed_by := owners[i];
    used := array[counted[k][1] + under_way[k], counted[k][2] + requests[k], counted[k][3] + tokens[k],
      counted[k][4] + requests[k], counted[k][5] + tokens[k], counted[k][6] + requests[k], counted[k][7] + tokens[k]];
    if outcome <> 'held' then
      verdicts[i] := outcome;
      if outcome in ('insufficient', 'debt_outstanding') then
        select least(dues[k], min(c.effective_at)) into next_grant_at
        from credits c where c.user_id = p_users[i] and c.closed_at is null and c.effective_at > p_now;
      elsif outcome = any(limits) then
        limit_name := outcome;
        outcome := 'limited';
        g := array_position(limits, limit_name);
        limit_value := (array[p_concurrent[i], p_minute_requests[i], p_minute_tokens[i], p_day_requests[i], p_day_tokens[i],
          p_month_requests[i], p_month_tokens[i]]::bigint[])[g];
        limit_remaining := greatest(0, limit_value - used[g]);
        reset_at := case
          when g in (2, 3) then this_minute + interval '1 minute'
          when g in (4, 5) then (this_day at time zone 'UTC' + interval '1 day') at time zone 'UTC'
          when g in (6, 7) then (this_month at time zone 'UTC' + interval '1 month') at time zone 'UTC' end;
      end if;
    end if;
    return next;
    if outcome <> 'held' then
      next_grant_at := null; limit_name := null; limit_value := null; limit_remaining := null; reset_at := null;
    end if;
  end loop;

  if held > 0 then
    with g as (
      update credits c set held_ucr = c.held_ucr + gtaken[i], updated_at = p_now
      from unnest(gids) with ordinality as x(id, i)
      where gtaken[i] > 0 and c.user_id = account_users[gaccounts[i]] and c.id = x.id
    ), a as (
      update credit_accounts a set held_ucr = a.held_ucr + taken[i], pending_count = a.pending_count + requests[i], updated_at = p_now,
        minute_at = greatest(a.minute_at, this_minute), minute_requests = counted[i][2] + requests[i], minute_tokens = counted[i][3] + tokens[i],
        day_at = greatest(a.day_at, this_day), day_requests = counted[i][4] + requests[i], day_tokens = counted[i][5] + tokens[i],
        month_at = greatest(a.month_at, this_month), month_requests = counted[i][6] + requests[i], month_tokens = counted[i][7] + tokens[i]
      from unnest(account_users) with ordinality as m(user_id, i)
      where requests[i] > 0 and a.user_id = m.user_id
    )
    insert into credit_holds (user_id, id, access_id, model_id, model_version_no, amount_ucr, bound_tokens, slices, is_waiting, expires_at, created_at, updated_at)
    select m.user_id, p_ids[i], p_accesses[i], p_models[i], p_model_versions[i], p_amounts[i], p_tokens[i], slices[i], p_waiting[i] is true, p_expires[i], p_now, p_now
    from unnest(p_users) with ordinality as m(user_id, i)
    where slices[i] is not null;
    get diagnostics written = row_count;
    if written <> held then
      raise exception 'reserve wrote % of % holds', written, held;
    end if;
  end if;

  -- A refusal stores nothing: the same key may try again.
  if p_keys is not null then
    delete from idempotency_keys t
    using unnest(p_users) with ordinality as m(user_id, i)
    where verdicts[i] <> 'repeat' and t.user_id = m.user_id and t.route = p_routes[i] and t.key = p_keys[i] and t.request_id = p_ids[i];
  end if;
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
  -- by member, where it is not as asked: how it ended, and the debt that it made
  outcomes text[]; new_debts bigint[];
  is_all boolean;
  k integer; m record;
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
    select e.user_id, e.hold_id, e.credit_id, e.amount,
      greatest(0, least(e.amount, e.cost + e.amount - (sum(e.amount) over (partition by e.ord order by e.at))::bigint)) as used
    from (
      select h.ord, h.user_id, h.id as hold_id, h.cost, (v.value ->> 'creditId')::uuid as credit_id, (v.value ->> 'amountUcr')::bigint as amount,
        v.ordinality as at
      from h cross join lateral jsonb_array_elements(h.slices) with ordinality as v
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
  is_all := cardinality(charged) = n;

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
    for m in select d.ord, d.debt from tollgate.charge_beyond_holds(p_users, p_ids, rests, p_now) as d loop
      new_debts[m.ord] := m.debt;
    end loop;
  end if;

  insert into token_usage_ledger (user_id, id, request_id, hold_id, attempt_no, subscription_id, model_id, model_version_no, provider,
    provider_request_id, operation, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, image_count,
    image_tokens, price_basis, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, first_token_ms, metadata, created_at)
  select p_users[u_members[i]], u_ids[i], p_ids[u_members[i]], p_ids[u_members[i]], u_attempts[i], u_subscriptions[i], u_models[i], u_model_versions[i],
    u_providers[i], u_provider_requests[i], u_operations[i], u_input[i], u_cached[i], u_written[i], u_output[i], u_reasoning[i], u_images[i],
    u_image_tokens[i], u_bases[i], u_credits[i], u_costs[i], u_sources[i], u_outcomes[i], u_latencies[i], u_first_tokens[i], u_metadata[i], p_now
  from generate_subscripts(u_ids, 1) as i
  where is_all or u_members[i] = any(charged);

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

  -- Whoever was not done by the first statement is answered what its hold says.
  if cardinality(done) < n then
    for m in
      select r.ord, h.id, h.state, h.cost_ucr, h.new_debt_ucr
      from unnest(p_users) with ordinality as r(user_id, ord) left join credit_holds h on h.user_id = r.user_id and h.id = p_ids[r.ord]
      where r.ord <> all(done)
    loop
      outcomes[m.ord] := case when m.id is null then 'unknown' when m.ord = any(late) then 'done' else 'repeat' end;
      p_states[m.ord] := m.state;
      p_costs[m.ord] := m.cost_ucr;
      new_debts[m.ord] := m.new_debt_ucr;
    end loop;
  end if;

  -- What is available is looked up once per user, not per member: a batch may be all one user's.
  return query
    select p_ids[r.ord], coalesce(outcomes[r.ord], 'done'), p_states[r.ord], p_costs[r.ord], coalesce(new_debts[r.ord], 0), coalesce(u.available, 0)
    from (
      select m.user_id, array_agg(m.ord) as members, (
          select coalesce(sum(c.remaining_ucr - c.held_ucr)::bigint, 0) from credits c
          where c.user_id = m.user_id and c.closed_at is null and c.effective_at <= p_now and (c.expires_at is null or c.expires_at > p_now)
        ) - (select a.debt_ucr from credit_accounts a where a.user_id = m.user_id) as available
      from unnest(p_users) with ordinality as m(user_id, ord) group by m.user_id
    ) u cross join lateral unnest(u.members) as r(ord)
    order by r.ord;
end $$`;

/** Cost that no hold covers, as far as `p_rests` is above 0, in the order of its members: other active grants in burn order, then debt. */
const CHARGE_BEYOND_HOLDS = `
create function tollgate.charge_beyond_holds(p_users uuid[], p_holds uuid[], p_rests bigint[], p_now timestamptz)
returns table (ord bigint, debt bigint) language plpgsql set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  -- Lay the costs of a user end to end, and what is free beside them: where a cost and a grant overlap, the one pays the other.
  return query
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
    select s.ord, s.user_id, s.hold_id, s.rest, s.rest - sum(s.used)::bigint as debt
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
  ), p as (
    insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
    select s.user_id, gen_random_uuid(), s.credit_id, s.hold_id, 'usage'::posting_kind, -s.used, p_now from s where s.used > 0
    union all
    select d.user_id, gen_random_uuid(), null, d.hold_id, 'debt', d.debt, p_now from d where d.debt > 0
  )
  select d.ord, d.debt from d where d.debt > 0;
end $$`;
