import { Migration } from '@mikro-orm/migrations';

/**
 * A hold may be for work that waits for its turn. Such a hold is none of the plan's concurrent requests until it is marked as under way: whoever
 * queues work may go on asking. `pending_count` stays the number of all pending holds; what waits is counted from the holds themselves, by an
 * index that holds nothing else, so that settling is as it was.
 */
export class Migration20261130080803_waiting_holds extends Migration {
  override up(): void {
    this.addSql(`alter table credit_holds add column is_waiting boolean not null default false`);
    this.addSql(`create index credit_holds_waiting_index on credit_holds (user_id) where is_waiting`);
    this.replaceReserve(RESERVE_BATCH);
  }

  override down(): void {
    this.replaceReserve(RESERVE_BATCH_BEFORE);
    this.addSql(`alter table credit_holds drop column is_waiting`);
  }

  private replaceReserve(definition: string): void {
    this.addSql(`drop function tollgate.reserve_batch`);
    this.addSql(definition);
    for (const setting of PLANS_BY_KEY) this.addSql(`alter function tollgate.reserve_batch set ${setting}`);
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
  -- By member, in order of arrival; what belongs to an account is kept at its first member, whose number is the account's.
  accounts integer[]; verdicts text[]; owners uuid[]; debts bigint[]; helds bigint[]; dues timestamptz[]; counted bigint[];
  slices jsonb[] := '{}';
  -- By account: what was free, the grant that pays next, and what this batch has taken so far.
  frees bigint[] := array_fill(0::bigint, array[n]);
  next_grants bigint[] := '{}';
  taken bigint[] := frees; requests bigint[] := frees; under_way bigint[] := frees; tokens bigint[] := frees;
  -- Grants with something free, in burn order: account by account as their first members came.
  gids uuid[]; gaccounts integer[]; gfrees bigint[]; gsums bigint[]; gcounts bigint[]; gtaken bigint[];
  held_ids uuid[] := '{}';
  written integer; k integer; g integer; next_g integer := 1; need bigint; take bigint; parts jsonb;
begin
  -- The accounts in key order, before anything else is waited for or read.
  perform from (select a.user_id from credit_accounts a where a.user_id = any(p_users) order by a.user_id for update) locked;

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
  select array_agg(array_position(p_users, m.user_id) order by i),
    array_agg(case
      when a.user_id is null then 'no_account'
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
      when a.suspended_at is not null then 'subscription_inactive'
      when a.next_due_at <= p_now then 'period_due' end order by i),
    array_agg(t.request_id order by i), array_agg(a.debt_ucr order by i), array_agg(a.held_ucr order by i), array_agg(a.next_due_at order by i),
    array_agg(array[a.pending_count - case when a.pending_count = 0 then 0 else (
        select count(*)::integer from credit_holds w where w.user_id = m.user_id and w.is_waiting and w.state = 'pending'
      ) end,
      case when a.minute_at < this_minute then 0 else a.minute_requests end, case when a.minute_at < this_minute then 0 else a.minute_tokens end,
      case when a.day_at < this_day then 0 else a.day_requests end, case when a.day_at < this_day then 0 else a.day_tokens end,
      case when a.month_at < this_month then 0 else a.month_requests end, case when a.month_at < this_month then 0 else a.month_tokens end
    ] order by i)
  into accounts, verdicts, owners, debts, helds, dues, counted
  from unnest(p_users) with ordinality as m(user_id, i)
  left join credit_accounts a on a.user_id = m.user_id
  left join users u on u.id = m.user_id
  left join credit_holds h on h.user_id = m.user_id and h.id = p_ids[i]
  left join idempotency_keys t on t.user_id = m.user_id and t.route = p_routes[i] and t.key = p_keys[i];

  select array_agg(s.id order by s.account, s.priority, s.expires_at nulls last, s.created_at, s.id),
    array_agg(s.account order by s.account, s.priority, s.expires_at nulls last, s.created_at, s.id),
    array_agg(s.free order by s.account, s.priority, s.expires_at nulls last, s.created_at, s.id),
    array_agg(s.account_free order by s.account, s.priority, s.expires_at nulls last, s.created_at, s.id),
    array_agg(s.account_grants order by s.account, s.priority, s.expires_at nulls last, s.created_at, s.id),
    array_fill(0::bigint, array[count(*)::integer])
  into gids, gaccounts, gfrees, gsums, gcounts, gtaken
  from (
    select c.id, i as account, c.remaining_ucr - c.held_ucr as free, c.priority, c.expires_at, c.created_at,
      sum(c.remaining_ucr - c.held_ucr) over (partition by i)::bigint as account_free, count(*) over (partition by i) as account_grants
    from unnest(p_users) with ordinality as m(user_id, i) join credits c on c.user_id = m.user_id
    where accounts[i] = i and c.closed_at is null and c.effective_at <= p_now and (c.expires_at is null or c.expires_at > p_now)
      and c.remaining_ucr > c.held_ucr
  ) s;

  -- Members in order of arrival, in arithmetic alone.
  for i in 1..n loop
    k := accounts[i];
    if gaccounts[next_g] = i then
      frees[i] := gsums[next_g];
      next_grants[i] := next_g;
      next_g := next_g + gcounts[next_g];
    end if;
    outcome := coalesce(verdicts[i], case
      when p_ids[i] = any(held_ids) then 'repeat'
      when p_waiting[i] is not true and counted[i][1] + under_way[k] >= p_concurrent[i] then limits[1]
      when counted[i][2] + requests[k] >= p_minute_requests[i] then limits[2]
      when counted[i][3] + tokens[k] + p_tokens[i] > p_minute_tokens[i] then limits[3]
      when counted[i][4] + requests[k] >= p_day_requests[i] then limits[4]
      when counted[i][5] + tokens[k] + p_tokens[i] > p_day_tokens[i] then limits[5]
      when counted[i][6] + requests[k] >= p_month_requests[i] then limits[6]
      when counted[i][7] + tokens[k] + p_tokens[i] > p_month_tokens[i] then limits[7]
      when p_amounts[i] > 0 and debts[i] > 0 then 'debt_outstanding'
      when p_amounts[i] > frees[k] - taken[k] then 'insufficient'
      else 'held' end);
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
      held_ids := array_append(held_ids, p_ids[i]);
      taken[k] := taken[k] + p_amounts[i];
      requests[k] := requests[k] + 1;
      under_way[k] := under_way[k] + case when p_waiting[i] then 0 else 1 end;
      tokens[k] := tokens[k] + p_tokens[i];
    end if;

    id := p_ids[i];
    available_ucr := frees[k] - taken[k] - debts[i];
    held_ucr := helds[i] + taken[k];
    debt_ucr := debts[i];
    claimed_by := owners[i];
    used := array[counted[i][1] + under_way[k], counted[i][2] + requests[k], counted[i][3] + tokens[k],
      counted[i][4] + requests[k], counted[i][5] + tokens[k], counted[i][6] + requests[k], counted[i][7] + tokens[k]];
    if outcome <> 'held' then
      verdicts[i] := outcome;
      if outcome in ('insufficient', 'debt_outstanding') then
        select least(dues[i], min(c.effective_at)) into next_grant_at
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

  if held_ids <> '{}' then
    with g as (
      update credits c set held_ucr = c.held_ucr + gtaken[i], updated_at = p_now
      from unnest(gids) with ordinality as x(id, i)
      where gtaken[i] > 0 and c.user_id = p_users[gaccounts[i]] and c.id = x.id
    ), a as (
      update credit_accounts a set held_ucr = a.held_ucr + taken[i], pending_count = a.pending_count + requests[i], updated_at = p_now,
        minute_at = greatest(a.minute_at, this_minute), minute_requests = counted[i][2] + requests[i], minute_tokens = counted[i][3] + tokens[i],
        day_at = greatest(a.day_at, this_day), day_requests = counted[i][4] + requests[i], day_tokens = counted[i][5] + tokens[i],
        month_at = greatest(a.month_at, this_month), month_requests = counted[i][6] + requests[i], month_tokens = counted[i][7] + tokens[i]
      from unnest(p_users) with ordinality as m(user_id, i)
      where requests[i] > 0 and a.user_id = m.user_id
    )
    insert into credit_holds (user_id, id, access_id, model_id, model_version_no, amount_ucr, bound_tokens, slices, is_waiting, expires_at, created_at, updated_at)
    select m.user_id, p_ids[i], p_accesses[i], p_models[i], p_model_versions[i], p_amounts[i], p_tokens[i], slices[i], p_waiting[i] is true, p_expires[i], p_now, p_now
    from unnest(p_users) with ordinality as m(user_id, i)
    where slices[i] is not null;
    get diagnostics written = row_count;
    if written <> cardinality(held_ids) then
      raise exception 'reserve wrote % of % holds', written, cardinality(held_ids);
    end if;
  end if;

  -- A refusal stores nothing: the same key may try again.
  if p_keys is not null then
    delete from idempotency_keys t
    using unnest(p_users) with ordinality as m(user_id, i)
    where verdicts[i] <> 'repeat' and t.user_id = m.user_id and t.route = p_routes[i] and t.key = p_keys[i] and t.request_id = p_ids[i];
  end if;
end $$`;

/** The lines that this migration changed, as they were. */
const CHANGED: readonly (readonly [now: string, before: string])[] = [
  [',\n  p_waiting boolean[] default null', ''],
  [' under_way bigint[] := frees;', ''],
  [
    ` - case when a.pending_count = 0 then 0 else (
        select count(*)::integer from credit_holds w where w.user_id = m.user_id and w.is_waiting and w.state = 'pending'
      ) end`,
    '',
  ],
  ['p_waiting[i] is not true and counted[i][1] + under_way[k] >=', 'counted[i][1] + requests[k] >='],
  ['\n      under_way[k] := under_way[k] + case when p_waiting[i] then 0 else 1 end;', ''],
  ['array[counted[i][1] + under_way[k],', 'array[counted[i][1] + requests[k],'],
  ['slices, is_waiting, expires_at', 'slices, expires_at'],
  ['slices[i], p_waiting[i] is true, p_expires', 'slices[i], p_expires'],
];

const RESERVE_BATCH_BEFORE = CHANGED.reduce((text, [now, before]) => text.replace(now, before), RESERVE_BATCH);
