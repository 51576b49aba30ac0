import { Migration } from '@mikro-orm/migrations';
import { RESERVE_BATCH as RESERVE_BATCH_BEFORE } from './Migration20261122000700_credit_functions.js';

/**
 * `reserve_batch` takes the account before the client's key, as `settle_batch` does: the other way round a late settlement, which writes its key
 * under the account's lock, and a retry of the same request, which waits for the account with the key in its hands, waited for one another. A
 * key is new again after a day, whether or not the clean-up has run. Every answer tells what the limits count. And an access is judged by the
 * time on the wall: in sandbox mode the product's clock may be moved, and nobody is signed out by that.
 */
export class Migration20261123000100_reserve_account_first extends Migration {
  override up(): void {
    this.addSql(DROP_RESERVE_BATCH);
    this.addSql(RESERVE_BATCH);
    this.addSql(`create index idempotency_keys_created_at_index on idempotency_keys (created_at)`);
  }

  override down(): void {
    this.addSql(`drop index idempotency_keys_created_at_index`);
    this.addSql(DROP_RESERVE_BATCH);
    this.addSql(RESERVE_BATCH_BEFORE);
  }
}

const DROP_RESERVE_BATCH = `drop function tollgate.reserve_batch`;

const RESERVE_BATCH = `
create function tollgate.reserve_batch(
  p_ids uuid[], p_users uuid[], p_accesses uuid[], p_models text[], p_model_versions integer[],
  p_amounts bigint[], p_tokens integer[], p_expires timestamptz[],
  p_concurrent integer[], p_minute_requests integer[], p_minute_tokens bigint[], p_day_requests integer[], p_day_tokens bigint[],
  p_month_requests integer[], p_month_tokens bigint[],
  p_now timestamptz,
  p_routes text[] default null, p_keys text[] default null, p_hashes bytea[] default null,
  p_wall timestamptz default null
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
  next_day timestamptz := (this_day at time zone 'UTC' + interval '1 day') at time zone 'UTC';
  next_month timestamptz := (this_month at time zone 'UTC' + interval '1 month') at time zone 'UTC';
  -- accounts, in key order
  au uuid[]; adebt bigint[]; aheld bigint[]; apending integer[]; adue timestamptz[]; aclosed boolean[]; aactive boolean[];
  amr integer[]; amt bigint[]; adr integer[]; adt bigint[]; aor integer[]; aot bigint[];
  afree bigint[]; afirst integer[]; atake bigint[]; acount integer[];
  -- open grants, in burn order per account
  gid uuid[]; gk integer[]; gfree bigint[]; gtake bigint[];
  access_ids uuid[]; access_users uuid[];
  known_ids uuid[];
  claims text[]; claim_owners uuid[];
  r_outcome text[] := '{}'; r_available bigint[] := '{}'; r_held bigint[] := '{}'; r_debt bigint[] := '{}';
  r_limit text[] := '{}'; r_limit_value bigint[] := '{}'; r_remaining bigint[] := '{}'; r_reset timestamptz[] := '{}';
  r_slices jsonb[] := '{}';
  -- seven figures per member: pending, then requests and tokens of the minute, the day and the month
  r_used bigint[] := '{}';
  accepted integer := 0; written integer;
  k integer; g integer; need bigint; take bigint; tokens integer; slices jsonb;
  verdict text; exceeded text; allowed bigint; rest bigint; ends_at timestamptz;
begin
  -- Statement 1: the accounts in key order with their own columns, who may act and through what. Nothing is waited for before them.
  select array_agg(s.user_id order by s.user_id), array_agg(s.debt_ucr order by s.user_id), array_agg(s.held_ucr order by s.user_id),
    array_agg(s.pending_count order by s.user_id), array_agg(s.next_due_at order by s.user_id),
    array_agg(s.suspended_at is not null order by s.user_id), array_agg(s.is_active order by s.user_id),
    array_agg(case when s.minute_at < this_minute then 0 else s.minute_requests end order by s.user_id),
    array_agg(case when s.minute_at < this_minute then 0 else s.minute_tokens end order by s.user_id),
    array_agg(case when s.day_at < this_day then 0 else s.day_requests end order by s.user_id),
    array_agg(case when s.day_at < this_day then 0 else s.day_tokens end order by s.user_id),
    array_agg(case when s.month_at < this_month then 0 else s.month_requests end order by s.user_id),
    array_agg(case when s.month_at < this_month then 0 else s.month_tokens end order by s.user_id),
    min(s.access_ids), min(s.access_users)
  into au, adebt, aheld, apending, adue, aclosed, aactive, amr, amt, adr, adt, aor, aot, access_ids, access_users
  from (
    select a.*, u.status = 'active' and u.deleted_at is null as is_active, x.access_ids, x.access_users
    from credit_accounts a
    join users u on u.id = a.user_id
    cross join (
      select array_agg(v.id order by v.id) as access_ids, array_agg(v.user_id order by v.id) as access_users
      from (
        select id, user_id from auth_grants where id = any(p_accesses) and revoked_at is null and expires_at > access_now
        union all
        select id, user_id from api_keys
        where id = any(p_accesses) and revoked_at is null and (expires_at is null or expires_at > access_now)
      ) v
    ) x
    where a.user_id = any(p_users)
    order by a.user_id
    for update of a
  ) s;
  au := coalesce(au, '{}');

  -- The client's keys, under their accounts' locks. One that is a day old is new again.
  if p_keys is not null then
    insert into idempotency_keys as t (user_id, route, key, request_id, request_hash, state, created_at, updated_at)
    select distinct on (r.user_id, r.route, r.key) r.user_id, r.route, r.key, r.id, r.hash, 'in_progress'::idempotency_state, p_now, p_now
    from unnest(p_ids, p_users, p_routes, p_keys, p_hashes) with ordinality as r(id, user_id, route, key, hash, ord)
    where r.key is not null and r.user_id = any(au)
    order by r.user_id, r.route, r.key, r.ord
    on conflict (user_id, route, key) do update set request_id = excluded.request_id, request_hash = excluded.request_hash,
      state = 'in_progress', status = null, headers = null, body_sealed = null, created_at = p_now, updated_at = p_now
      where t.created_at <= p_now - interval '24 hours';
  end if;

  -- Statement 2, a new snapshot: what is free, in burn order.
  select coalesce(array_agg(s.id order by s.k, s.priority, s.expires_at nulls last, s.created_at, s.id), '{}'),
    coalesce(array_agg(s.k order by s.k, s.priority, s.expires_at nulls last, s.created_at, s.id), '{}'),
    coalesce(array_agg(s.free order by s.k, s.priority, s.expires_at nulls last, s.created_at, s.id), '{}')
  into gid, gk, gfree
  from (
    select c.id, array_position(au, c.user_id) as k, c.remaining_ucr - c.held_ucr as free, c.priority, c.expires_at, c.created_at
    from credits c
    where c.user_id = any(au) and c.closed_at is null and c.effective_at <= p_now and (c.expires_at is null or c.expires_at > p_now)
      and c.remaining_ucr > c.held_ucr
  ) s;
  -- Statement 3: holds that exist already, and the owners of keys that were taken.
  select coalesce(array_agg(h.id), '{}') into known_ids
  from unnest(p_ids, p_users) as r(id, user_id) join credit_holds h on h.user_id = r.user_id and h.id = r.id;
  if p_keys is not null then
    select array_agg(
        case when t.request_id is null or t.request_id = r.id then null
          when t.request_hash <> r.hash then 'conflict'
          when t.state = 'done' then 'replay' else 'in_progress' end order by r.ord),
      array_agg(t.request_id order by r.ord)
    into claims, claim_owners
    from unnest(p_ids, p_users, p_routes, p_keys, p_hashes) with ordinality as r(id, user_id, route, key, hash, ord)
    left join idempotency_keys t on t.user_id = r.user_id and t.route = r.route and t.key = r.key;
  end if;

  afree := array_fill(0::bigint, array[greatest(cardinality(au), 1)]);
  atake := afree;
  afirst := array_fill(0, array[greatest(cardinality(au), 1)]);
  acount := afirst;
  gtake := array_fill(0::bigint, array[greatest(cardinality(gid), 1)]);
  for g in reverse cardinality(gid)..1 loop
    k := gk[g];
    afree[k] := afree[k] + gfree[g];
    afirst[k] := g;
  end loop;

  -- Members in arrival order, in arithmetic alone.
  for i in 1..n loop
    k := array_position(au, p_users[i]);
    need := p_amounts[i];
    tokens := p_tokens[i];
    verdict := 'held';
    exceeded := null; allowed := null; rest := null; ends_at := null; slices := null;
    if k is null then
      verdict := 'no_account';
    elsif p_ids[i] = any(known_ids) then
      verdict := 'repeat';
    elsif not aactive[k] then
      verdict := 'account_suspended';
    elsif access_users[array_position(access_ids, p_accesses[i])] is distinct from p_users[i] then
      verdict := 'access_revoked';
    elsif claims[i] is not null then
      verdict := claims[i];
    elsif aclosed[k] then
      verdict := 'subscription_inactive';
    elsif adue[k] <= p_now then
      verdict := 'period_due';
    else
      if apending[k] + 1 > p_concurrent[i] then
        exceeded := 'concurrent_requests'; allowed := p_concurrent[i]; rest := p_concurrent[i] - apending[k];
      elsif amr[k] + 1 > p_minute_requests[i] then
        exceeded := 'requests_per_minute'; allowed := p_minute_requests[i]; rest := p_minute_requests[i] - amr[k];
        ends_at := this_minute + interval '1 minute';
      elsif amt[k] + tokens > p_minute_tokens[i] then
        exceeded := 'tokens_per_minute'; allowed := p_minute_tokens[i]; rest := p_minute_tokens[i] - amt[k];
        ends_at := this_minute + interval '1 minute';
      elsif adr[k] + 1 > p_day_requests[i] then
        exceeded := 'requests_per_day'; allowed := p_day_requests[i]; rest := p_day_requests[i] - adr[k];
        ends_at := next_day;
      elsif adt[k] + tokens > p_day_tokens[i] then
        exceeded := 'tokens_per_day'; allowed := p_day_tokens[i]; rest := p_day_tokens[i] - adt[k];
        ends_at := next_day;
      elsif aor[k] + 1 > p_month_requests[i] then
        exceeded := 'requests_per_month'; allowed := p_month_requests[i]; rest := p_month_requests[i] - aor[k];
        ends_at := next_month;
      elsif aot[k] + tokens > p_month_tokens[i] then
        exceeded := 'tokens_per_month'; allowed := p_month_tokens[i]; rest := p_month_tokens[i] - aot[k];
        ends_at := next_month;
      end if;
      if exceeded is not null then
        verdict := 'limited';
        rest := greatest(0, rest);
      elsif need > 0 and adebt[k] > 0 then
        verdict := 'debt_outstanding';
      elsif need > afree[k] then
        verdict := 'insufficient';
      end if;
    end if;

    if verdict = 'held' then
      slices := '[]';
      while need > 0 loop
        g := afirst[k];
        take := least(need, gfree[g] - gtake[g]);
        if take > 0 then
          gtake[g] := gtake[g] + take;
          need := need - take;
          slices := slices || jsonb_build_object('creditId', gid[g], 'amountUcr', take::text);
        end if;
        if gtake[g] = gfree[g] then
          afirst[k] := g + 1;
        end if;
      end loop;
      known_ids := array_append(known_ids, p_ids[i]);
      accepted := accepted + 1;
      afree[k] := afree[k] - p_amounts[i];
      atake[k] := atake[k] + p_amounts[i];
      acount[k] := acount[k] + 1;
      apending[k] := apending[k] + 1;
      amr[k] := amr[k] + 1; adr[k] := adr[k] + 1; aor[k] := aor[k] + 1;
      amt[k] := amt[k] + tokens; adt[k] := adt[k] + tokens; aot[k] := aot[k] + tokens;
    end if;
    r_outcome := array_append(r_outcome, verdict);
    r_available := array_append(r_available, afree[k] - adebt[k]);
    r_held := array_append(r_held, aheld[k] + atake[k]);
    r_debt := array_append(r_debt, adebt[k]);
    r_limit := array_append(r_limit, exceeded);
    r_limit_value := array_append(r_limit_value, allowed);
    r_remaining := array_append(r_remaining, rest);
    r_reset := array_append(r_reset, ends_at);
    r_slices := array_append(r_slices, slices);
    r_used := r_used || case when k is null then array_fill(null::bigint, array[7])
      else array[apending[k], amr[k], amt[k], adr[k], adt[k], aor[k], aot[k]]::bigint[] end;
  end loop;

  if accepted > 0 then
    update credits c set held_ucr = c.held_ucr + x.take, updated_at = p_now
    from unnest(gid, gk, gtake) as x(id, k, take)
    where c.user_id = au[x.k] and c.id = x.id and x.take > 0;
    update credit_accounts a set held_ucr = a.held_ucr + x.take, pending_count = a.pending_count + x.members, updated_at = p_now,
      minute_at = greatest(a.minute_at, this_minute), minute_requests = x.mr, minute_tokens = x.mt,
      day_at = greatest(a.day_at, this_day), day_requests = x.dr, day_tokens = x.dt,
      month_at = greatest(a.month_at, this_month), month_requests = x.mor, month_tokens = x.mot
    from unnest(au, atake, acount, amr, amt, adr, adt, aor, aot) as x(user_id, take, members, mr, mt, dr, dt, mor, mot)
    where a.user_id = x.user_id and x.members > 0;
    insert into credit_holds (user_id, id, access_id, model_id, model_version_no, amount_ucr, bound_tokens, slices, expires_at, created_at, updated_at)
    select r.user_id, r.id, r.access_id, r.model_id, r.model_version_no, r.amount, r.tokens, r.slices, r.expires_at, p_now, p_now
    from unnest(p_ids, p_users, p_accesses, p_models, p_model_versions, p_amounts, p_tokens, p_expires, r_slices)
      as r(id, user_id, access_id, model_id, model_version_no, amount, tokens, expires_at, slices)
    where r.slices is not null;
    get diagnostics written = row_count;
    if written <> accepted then
      raise exception 'reserve wrote % of % holds', written, accepted;
    end if;
  end if;

  -- A refusal stores nothing: the same key may try again.
  if p_keys is not null and accepted < n then
    delete from idempotency_keys t
    using unnest(p_ids, p_users, p_routes, p_keys, r_outcome) as r(id, user_id, route, key, outcome)
    where t.user_id = r.user_id and t.route = r.route and t.key = r.key and t.request_id = r.id and r.outcome not in ('held', 'repeat');
  end if;

  return query
    select r.id, r.outcome, r.available, r.held, r.debt,
      case when r.outcome in ('insufficient', 'debt_outstanding') then least(
        adue[array_position(au, r.user_id)],
        (select min(c.effective_at) from credits c where c.user_id = r.user_id and c.closed_at is null and c.effective_at > p_now)
      ) end,
      r.limit_name, r.limit_value, r.remaining, r.reset_at, claim_owners[r.ord], r_used[r.ord * 7 - 6 : r.ord * 7]
    from unnest(p_ids, p_users, r_outcome, r_available, r_held, r_debt, r_limit, r_limit_value, r_remaining, r_reset)
      with ordinality as r(id, user_id, outcome, available, held, debt, limit_name, limit_value, remaining, reset_at, ord)
    order by r.ord;
end $$`;
