/**
 * What a product without batches would have: one function per step, one request per call, the same rows, rules and answers as
 * `tollgate.reserve_batch` and `tollgate.settle_batch` (no idempotency keys, no lost holds, no reason of a refusal). It exists to be measured
 * against.
 */
export const SINGLE_PATH = [
  'create schema single',
  `create function single.reserve(p_id uuid, p_user uuid, p_access uuid, p_model text, p_version integer, p_amount bigint, p_tokens integer,
    p_expires timestamptz, p_concurrent integer, p_minute_requests integer, p_minute_tokens bigint, p_day_requests integer, p_day_tokens bigint,
    p_month_requests integer, p_month_tokens bigint, p_now timestamptz)
  returns table (outcome text, available_ucr bigint, held_ucr bigint, debt_ucr bigint, used bigint[]) language plpgsql as $$
  #variable_conflict use_column
  declare
    a credit_accounts; c record; need bigint := p_amount; free bigint := 0; take bigint; slices jsonb := '[]';
    this_minute timestamptz := date_trunc('minute', p_now, 'UTC');
    this_day timestamptz := date_trunc('day', p_now, 'UTC');
    this_month timestamptz := date_trunc('month', p_now, 'UTC');
  begin
    select * into a from credit_accounts where user_id = p_user for update;
    if not found then outcome := 'no_account'; return next; return; end if;
    if not exists (select from users where id = p_user and status = 'active' and deleted_at is null) then outcome := 'account_suspended'; return next; return; end if;
    if not exists (select from auth_grants where id = p_access and user_id = p_user and revoked_at is null and expires_at > p_now)
      and not exists (select from api_keys where id = p_access and user_id = p_user and revoked_at is null
        and (expires_at is null or expires_at > p_now))
    then outcome := 'access_revoked'; return next; return; end if;
    if a.suspended_at is not null then outcome := 'subscription_inactive'; return next; return; end if;
    if a.next_due_at <= p_now then outcome := 'period_due'; return next; return; end if;
    if a.minute_at < this_minute then a.minute_requests := 0; a.minute_tokens := 0; end if;
    if a.day_at < this_day then a.day_requests := 0; a.day_tokens := 0; end if;
    if a.month_at < this_month then a.month_requests := 0; a.month_tokens := 0; end if;
    if a.pending_count + 1 > p_concurrent or a.minute_requests + 1 > p_minute_requests or a.minute_tokens + p_tokens > p_minute_tokens
      or a.day_requests + 1 > p_day_requests or a.day_tokens + p_tokens > p_day_tokens
      or a.month_requests + 1 > p_month_requests or a.month_tokens + p_tokens > p_month_tokens
    then outcome := 'limited'; return next; return; end if;
    if need > 0 and a.debt_ucr > 0 then outcome := 'debt_outstanding'; return next; return; end if;
    -- A statement of its own: under the lock its snapshot sees what whoever had the lock has written.
    select coalesce(sum(remaining_ucr - held_ucr), 0) into free from credits
    where user_id = p_user and closed_at is null and effective_at <= p_now and (expires_at is null or expires_at > p_now);
    if need > free then outcome := 'insufficient'; return next; return; end if;
    for c in
      select id, remaining_ucr - held_ucr as free from credits
      where user_id = p_user and closed_at is null and effective_at <= p_now and (expires_at is null or expires_at > p_now)
        and remaining_ucr > held_ucr
      order by priority, expires_at nulls last, created_at, id
    loop
      exit when need = 0;
      take := least(need, c.free);
      need := need - take;
      update credits set held_ucr = held_ucr + take, updated_at = p_now where user_id = p_user and id = c.id;
      slices := slices || jsonb_build_object('creditId', c.id, 'amountUcr', take::text);
    end loop;
    update credit_accounts set held_ucr = held_ucr + p_amount, pending_count = pending_count + 1, updated_at = p_now,
      minute_at = greatest(minute_at, this_minute), minute_requests = a.minute_requests + 1, minute_tokens = a.minute_tokens + p_tokens,
      day_at = greatest(day_at, this_day), day_requests = a.day_requests + 1, day_tokens = a.day_tokens + p_tokens,
      month_at = greatest(month_at, this_month), month_requests = a.month_requests + 1, month_tokens = a.month_tokens + p_tokens
    where user_id = p_user;
    insert into credit_holds (user_id, id, access_id, model_id, model_version_no, amount_ucr, bound_tokens, slices, expires_at, created_at, updated_at)
    values (p_user, p_id, p_access, p_model, p_version, p_amount, p_tokens, slices, p_expires, p_now, p_now);
    return query select 'held'::text, free - p_amount - a.debt_ucr, a.held_ucr + p_amount, a.debt_ucr,
      array[a.pending_count + 1, a.minute_requests + 1, a.minute_tokens + p_tokens, a.day_requests + 1, a.day_tokens + p_tokens,
        a.month_requests + 1, a.month_tokens + p_tokens];
  end $$`,
  `create function single.charge_beyond_hold(p_user uuid, p_hold uuid, p_rest bigint, p_now timestamptz) returns bigint language plpgsql as $$
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
      update credits set used_ucr = used_ucr + take, updated_at = p_now, closed_at = case when remaining_ucr = take then p_now end
      where user_id = p_user and id = c.id;
      insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
      values (p_user, gen_random_uuid(), c.id, p_hold, 'usage', -take, p_now);
    end loop;
    if rest > 0 then
      insert into credit_postings (user_id, id, hold_id, kind, amount_ucr, created_at)
      values (p_user, gen_random_uuid(), p_hold, 'debt', rest, p_now);
      update credit_holds set new_debt_ucr = rest where user_id = p_user and id = p_hold;
    end if;
    update credit_accounts set balance_ucr = balance_ucr - (p_rest - rest), debt_ucr = debt_ucr + rest, updated_at = p_now
    where user_id = p_user;
    return rest;
  end $$`,
  `create function single.settle(p_id uuid, p_user uuid, p_cost bigint, u_id uuid, u_subscription uuid, u_model text, u_version integer,
    u_provider text, u_input integer, u_output integer, u_cost bigint, u_latency integer, u_metadata jsonb, p_now timestamptz)
  returns table (outcome text, state hold_state, cost_ucr bigint, new_debt_ucr bigint, available_ucr bigint) language plpgsql as $$
  #variable_conflict use_column
  declare
    h credit_holds; a credit_accounts; s record; used bigint; new_debt bigint := 0; rest bigint := p_cost; burned bigint := 0; is_special boolean; special boolean := false;
  begin
    perform from credit_accounts where user_id = p_user for update;
    update credit_holds set state = 'settled', ended_at = p_now, cost_ucr = p_cost, attempts_charged = 1, updated_at = p_now
    where user_id = p_user and id = p_id and state = 'pending' returning * into h;
    if not found then
      return query select 'repeat'::text, t.state, t.cost_ucr, t.new_debt_ucr, tollgate.available(p_user, p_now) from credit_holds t
      where t.user_id = p_user and t.id = p_id;
      return;
    end if;
    for s in select (value ->> 'creditId')::uuid as credit_id, (value ->> 'amountUcr')::bigint as amount from jsonb_array_elements(h.slices) loop
      used := least(s.amount, rest);
      rest := rest - used;
      burned := burned + used;
      update credits c set held_ucr = c.held_ucr - s.amount, used_ucr = c.used_ucr + used, updated_at = p_now,
        closed_at = case when c.remaining_ucr = used then coalesce(c.closed_at, p_now) else c.closed_at end
      where c.user_id = p_user and c.id = s.credit_id
      returning s.amount > used
        and case when c.source in ('subscription', 'proration') then c.closed_at is not null else c.expires_at <= p_now end into is_special;
      special := special or is_special;
      if used > 0 then
        insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, created_at)
        values (p_user, gen_random_uuid(), s.credit_id, p_id, 'usage', -used, p_now);
      end if;
    end loop;
    update credit_accounts a set held_ucr = a.held_ucr - h.amount_ucr, balance_ucr = a.balance_ucr - burned, pending_count = a.pending_count - 1,
      minute_tokens = a.minute_tokens + case when h.created_at >= a.minute_at then u_input + u_output - h.bound_tokens else 0 end,
      day_tokens = a.day_tokens + case when h.created_at >= a.day_at then u_input + u_output - h.bound_tokens else 0 end,
      month_tokens = a.month_tokens + case when h.created_at >= a.month_at then u_input + u_output - h.bound_tokens else 0 end,
      updated_at = p_now
    where a.user_id = p_user
    returning * into a;
    if special then perform tollgate.end_special_slices(array[p_id], array[p_user], p_now); end if;
    if a.debt_ucr > 0 then perform tollgate.repay_debt(p_user, p_now); end if;
    if rest > 0 then new_debt := single.charge_beyond_hold(p_user, p_id, rest, p_now); end if;
    insert into token_usage_ledger (user_id, id, request_id, hold_id, attempt_no, subscription_id, model_id, model_version_no, provider, operation,
      input_tokens, output_tokens, price_basis, credits_ucr, cost_nusd, usage_source, outcome, latency_ms, metadata, created_at)
    values (p_user, u_id, p_id, p_id, 1, u_subscription, u_model, u_version, u_provider, 'chat', u_input, u_output, 'standard', p_cost, u_cost,
      'provider', 'completed', u_latency, u_metadata, p_now);
    return query select 'done'::text, h.state, p_cost, new_debt, tollgate.available(p_user, p_now);
  end $$`,
];

export const SINGLE_RESERVE = `select * from single.reserve($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`;
export const SINGLE_SETTLE = `select * from single.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`;
