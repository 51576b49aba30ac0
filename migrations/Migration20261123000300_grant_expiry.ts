import { Migration } from '@mikro-orm/migrations';

/** How credits leave when their time is over, and what is needed to say so beforehand. */
export class Migration20261123000300_grant_expiry extends Migration {
  override up(): void {
    this.addSql(`alter table credits add column expiry_noticed_at timestamptz`);
    // Neither an amount nor a state in the predicate: `closed_at` changes once in a grant's life, so holds and burns stay HOT updates.
    this.addSql(`create index credits_expires_at_index on credits (expires_at) where closed_at is null`);
    // One payment pays once, whoever's account it is entered for.
    this.addSql(`create index credits_payment_index on credits (grant_key) where source = 'purchase'`);
    this.addSql(EXPIRE_GRANTS);
    this.addSql(ENDING_CREDITS);
  }

  override down(): void {
    this.addSql(`drop function tollgate.ending_credits`);
    this.addSql(`drop function tollgate.expire_grants`);
    this.addSql(`drop index credits_payment_index`);
    this.addSql(`drop index credits_expires_at_index`);
    this.addSql(`alter table credits drop column expiry_noticed_at`);
  }
}

/**
 * Takes what is free of expired grants off the books, for the next `p_limit` accounts after `p_after` in user order. Accounts that are busy
 * are left for the next run. What is held leaves when its hold ends; the grant stays open until then. Lines are dated when the credits
 * ended, not when a run noticed: any number of runs writes the same books. Grants of a period end by its close, never here. Planned for
 * each call: where few are due they are found by their time, where many are they are walked user by user from `p_after` on.
 */
export const EXPIRE_GRANTS = `
create function tollgate.expire_grants(p_now timestamptz, p_limit integer, p_after uuid default null)
returns table (found integer, last_user uuid, accounts integer, grants integer, expired_ucr bigint)
language plpgsql set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  due uuid[]; locked uuid[];
begin
  select array_agg(d.user_id order by d.user_id) into due
  from (
    select distinct c.user_id from credits c
    where c.closed_at is null and c.expires_at <= p_now and c.source not in ('subscription', 'proration')
      and c.user_id > coalesce(p_after, '00000000-0000-0000-0000-000000000000')
    order by c.user_id limit p_limit
  ) d;
  -- The lock first, the grants in a later statement: a snapshot from before a wait would see stale amounts.
  select array_agg(l.user_id) into locked
  from (select a.user_id from credit_accounts a where a.user_id = any(due) order by a.user_id for update skip locked) l;
  return query
    with f as (
      select c.user_id, c.id, c.remaining_ucr - c.held_ucr as free, c.held_ucr = 0 as is_over, greatest(c.expires_at, c.created_at) as ended_at
      from credits c
      where c.user_id = any(locked) and c.closed_at is null and c.expires_at <= p_now and c.source not in ('subscription', 'proration')
        and (c.remaining_ucr > c.held_ucr or c.held_ucr = 0)
    ), g as (
      update credits c set expired_ucr = c.expired_ucr + f.free, closed_at = case when f.is_over then f.ended_at end, updated_at = p_now
      from f where c.user_id = f.user_id and c.id = f.id
    ), p as (
      insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, created_at)
      select f.user_id, gen_random_uuid(), f.id, 'expiry', -f.free, f.ended_at from f where f.free > 0
    ), a as (
      update credit_accounts t set balance_ucr = t.balance_ucr - x.free, updated_at = p_now
      from (select f.user_id, sum(f.free)::bigint as free from f group by f.user_id) x
      where t.user_id = x.user_id and x.free > 0
    )
    select coalesce(cardinality(due), 0), due[cardinality(due)], count(distinct f.user_id)::integer, count(*)::integer,
      coalesce(sum(f.free), 0)::bigint
    from f;
end $$`;

/**
 * What of the active grants will be lost by `p_until`: the free part of those that expire, and of an allowance what its period's close will
 * forfeit under the terms as they are now. Nothing is lost of a subscription that is suspended.
 */
export const ENDING_CREDITS = `
create function tollgate.ending_credits(p_user uuid, p_until timestamptz, p_now timestamptz)
returns table (user_id uuid, credit_id uuid, source credit_source, amount_ucr bigint, expires_at timestamptz)
language sql stable as $$
  with f as (
    select c.user_id, c.id, c.source, c.subscription_id, c.remaining_ucr - c.held_ucr as free, c.expires_at,
      c.source in ('subscription', 'proration') as is_eligible,
      sum(c.remaining_ucr - c.held_ucr) over (
        partition by c.user_id, c.subscription_id, c.period_index, c.source in ('subscription', 'proration')
        order by c.priority, c.expires_at, c.created_at, c.id
      )::bigint as upto,
      sum(c.remaining_ucr - c.held_ucr) over (
        partition by c.user_id, c.subscription_id, c.period_index, c.source in ('subscription', 'proration')
      )::bigint as whole
    from credits c
    where (p_user is null or c.user_id = p_user) and c.closed_at is null and c.effective_at <= p_now and c.expires_at > p_now
      and c.expires_at <= p_until and c.remaining_ucr > c.held_ucr
  ), t as (
    select f.*, s.status, case
        when s.cancel_at_period_end or s.grace_ends_at is not null or s.trial_ends_at <= s.current_period_end or s.status <> 'active'
          or f.whole < n.rollover_min_carry_ucr then 0
        else least(f.whole, n.rollover_max_ucr, n.monthly_credits_ucr * n.rollover_percent / 100)
      end as carry
    from f
    left join subscriptions s on f.is_eligible and s.id = f.subscription_id
    left join subscription_changes h on h.subscription_id = s.id and h.state = 'scheduled'
    left join plans n on n.tier = coalesce(h.to_tier, s.tier)
  )
  select t.user_id, t.id, t.source, case when t.is_eligible then least(t.free, t.upto - t.carry) else t.free end, t.expires_at
  from t
  where not t.is_eligible or (t.status <> 'suspended' and t.upto > t.carry)
  order by t.user_id, t.expires_at, t.id
$$`;
