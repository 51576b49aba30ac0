import { EntityRepository, raw } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import type { Tier } from '../common/domain/tiers.js';
import { newId } from '../common/ids.js';
import type { BillingPeriod } from './domain/billing-period.js';
import type { SubscriptionState, SubscriptionStatus } from './domain/transitions.js';
import { Subscription, SubscriptionEvent } from './subscription.entity.js';

/** A live subscription with the change that waits for its next period. */
export interface LiveSubscription extends SubscriptionState {
  id: string;
  userId: string;
  currentPeriodStart: Date;
  /** What the current period was given. Null: its plan's allowance. */
  allowanceUcr: bigint | null;
  /** What changes downwards should have taken back in this period, and could not. */
  owedUcr: bigint;
  version: number;
}

/** What happened to a subscription, why, and by whom: null where nobody asked for it. */
export interface SubscriptionNote {
  subscriptionId: string;
  fromTier?: Tier | undefined;
  toTier?: Tier | undefined;
  fromStatus?: SubscriptionStatus | undefined;
  toStatus?: SubscriptionStatus | undefined;
  reason: string;
  actorId?: string | null | undefined;
  payload?: Record<string, unknown> | undefined;
}

/** What an action may change; absent: stays. */
export interface SubscriptionPatch {
  status?: SubscriptionStatus;
  tier?: Tier;
  cancelAtPeriodEnd?: boolean;
  trialEndsAt?: Date | null;
  graceEndsAt?: Date | null;
  /** Opens it, with the allowance from which a change in it is counted. */
  period?: BillingPeriod & { tier: Tier; allowanceUcr: bigint };
}

export class SubscriptionRepository extends EntityRepository<Subscription> {
  /** Runs `work` in one transaction, which the repositories that it calls join. */
  async transactional<T>(work: () => Promise<T>): Promise<T> {
    return this.em.transactional(work);
  }

  async findLive(userId: string): Promise<LiveSubscription | null> {
    const [live] = await this.findLiveOf([userId]);
    return live ?? null;
  }

  /** The live subscriptions of these users, in the order of the users' ids. */
  async findLiveOf(userIds: readonly string[]): Promise<LiveSubscription[]> {
    const where = `s.user_id = any($1::uuid[]) and s.status in ('active', 'suspended')`;
    const rows = await this.call<LiveRow>(`${SELECT_SQL} where ${where} order by s.user_id`, [[...userIds]]);
    return rows.map(toStanding);
  }

  /** Any subscription, those that have ended as well. */
  async findStanding(id: string): Promise<LiveSubscription | null> {
    const [row] = await this.call<LiveRow>(`${SELECT_SQL} where s.id = $1::uuid`, [id]);
    return row ? toStanding(row) : null;
  }

  /** One page in the order of ids, which is the order of opening. */
  async findPage(
    filter: { userId?: string | undefined; tier?: Tier | undefined; status?: SubscriptionStatus | undefined },
    page: { after: string | undefined; limit: number },
  ): Promise<LiveSubscription[]> {
    const rows = await this.call<LiveRow>(
      `${SELECT_SQL} where ($1::uuid is null or s.user_id = $1) and ($2::subscription_tier is null or s.tier = $2)
         and ($3::subscription_status is null or s.status = $3) and ($4::uuid is null or s.id > $4)
       order by s.id limit $5`,
      [filter.userId ?? null, filter.tier ?? null, filter.status ?? null, page.after ?? null, page.limit],
    );
    return rows.map(toStanding);
  }

  /** What happened to a subscription, oldest first. */
  async findEvents(
    subscriptionId: string,
    page: { after: string | undefined; limit: number },
  ): Promise<SubscriptionEvent[]> {
    return this.em
      .fork()
      .find(
        SubscriptionEvent,
        { subscriptionId, ...(page.after !== undefined && { id: { $gt: page.after } }) },
        { orderBy: { id: 'asc' }, limit: page.limit },
      );
  }

  /** Opens a subscription unless the user has a live one; then, after whoever opens it at this moment has finished, it returns null. */
  async openIfNone(
    userId: string,
    tier: Tier,
    opening: { period: BillingPeriod; allowanceUcr: bigint; trialEndsAt: Date | null; now: Date },
  ): Promise<string | null> {
    const id = newId();
    const { start, end } = opening.period;
    const inserted = await this.em.execute<unknown[]>(
      `insert into subscriptions (id, user_id, tier, billing_anchor_at, period_index, current_period_start, current_period_end, trial_ends_at,
         allowance_ucr, allowance_tier, allowance_period, created_at, updated_at)
       values (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 0, ?, ?)
       on conflict (user_id) where status in ('active', 'suspended') do nothing returning id`,
      [id, userId, tier, start, start, end, opening.trialEndsAt, opening.allowanceUcr, tier, opening.now, opening.now],
    );
    return inserted.length > 0 ? id : null;
  }

  /** Opens the next period of each as `renewed` has it, set-based; a scheduled change of tier is applied by that. */
  async advance(
    renewals: readonly { subscriptionId: string; tier: Tier; period: BillingPeriod; allowanceUcr: bigint }[],
    now: Date,
  ): Promise<void> {
    const of = <T>(pick: (one: (typeof renewals)[number]) => T): T[] => renewals.map(pick);
    await this.call(ADVANCE_SQL, [
      of((r) => r.subscriptionId),
      of((r) => r.tier),
      of((r) => r.period.index),
      of((r) => r.period.start),
      of((r) => r.period.end),
      of((r) => r.allowanceUcr),
      now,
    ]);
    await this.call(
      `update subscription_changes set state = 'applied', updated_at = $2
       where subscription_id = any($1::uuid[]) and state = 'scheduled'`,
      [of((r) => r.subscriptionId), now],
    );
  }

  async patch(id: string, patch: SubscriptionPatch, now: Date): Promise<void> {
    const { period, ...rest } = patch;
    const opened = period && {
      periodIndex: period.index,
      currentPeriodStart: period.start,
      currentPeriodEnd: period.end,
      allowanceUcr: period.allowanceUcr,
      allowanceTier: period.tier,
      allowancePeriod: period.index,
      owedUcr: 0n,
    };
    const data = { ...rest, ...opened, version: raw('version + 1'), updatedAt: now };
    const count = await this.em.nativeUpdate(Subscription, { id }, data);
    if (count !== 1) throw new Error(`subscription ${id} vanished`);
  }

  /** What a change at once makes of the current period. */
  async setAllowance(
    { id, periodIndex }: Pick<LiveSubscription, 'id' | 'periodIndex'>,
    { tier, ...of }: { tier: Tier; allowanceUcr: bigint; owedUcr: bigint },
  ): Promise<void> {
    const data = { ...of, allowanceTier: tier, allowancePeriod: periodIndex };
    await this.em.nativeUpdate(Subscription, { id }, data);
  }

  /** Writes down what happened. */
  async record(note: SubscriptionNote, now: Date): Promise<void> {
    await this.recordAll([note], now);
  }

  async recordAll(notes: readonly SubscriptionNote[], now: Date): Promise<void> {
    if (notes.length === 0) return;
    const of = <T>(pick: (one: SubscriptionNote) => T): T[] => notes.map(pick);
    await this.call(RECORD_SQL, [
      of(() => newId()),
      of((n) => n.subscriptionId),
      of((n) => n.fromTier ?? null),
      of((n) => n.toTier ?? null),
      of((n) => n.fromStatus ?? null),
      of((n) => n.toStatus ?? null),
      of((n) => n.reason),
      of((n) => n.actorId ?? null),
      of((n) => JSON.stringify(n.payload ?? {})),
      now,
    ]);
  }

  /** Ends what is scheduled, if anything is. */
  async unschedule(subscriptionId: string, state: 'applied' | 'replaced' | 'cancelled', now: Date): Promise<void> {
    await this.em.execute(
      `update subscription_changes set state = ?, updated_at = ? where subscription_id = ? and state = 'scheduled'`,
      [state, now, subscriptionId],
    );
  }

  /** A change of tier, as it is decided. Returns its id, the key of the credits that come with it. */
  async addChange(
    subscription: Pick<LiveSubscription, 'id' | 'userId' | 'tier'>,
    change: { tier: Tier; effectiveAt: Date; state: 'scheduled' | 'applied' },
    by: { actorId: string | null; now: Date },
  ): Promise<string> {
    const id = newId();
    await this.em.execute(
      `insert into subscription_changes (id, user_id, subscription_id, from_tier, to_tier, effective_at, state, requested_by, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        id,
        subscription.userId,
        subscription.id,
        subscription.tier,
        change.tier,
        change.effectiveAt,
        change.state,
        by.actorId,
        by.now,
        by.now,
      ],
    );
    return id;
  }

  /** Whether the user may have credits: there, and with a verified address. */
  async isEntitled(userId: string): Promise<boolean> {
    const rows = await this.em.execute<unknown[]>(
      'select 1 from users where id = ? and deleted_at is null and email_verified_at is not null',
      [userId],
    );
    return rows.length > 0;
  }

  async hasUser(userId: string): Promise<boolean> {
    const rows = await this.em.execute<unknown[]>('select 1 from users where id = ? and deleted_at is null', [userId]);
    return rows.length > 0;
  }

  private async call<Row>(text: string, parameters: unknown[]): Promise<Row[]> {
    const result = await this.em.getKysely().executeQuery<Row>(CompiledQuery.raw(text, parameters));
    return result.rows;
  }
}

const SELECT_SQL = `
  select s.id, s.user_id, s.tier, s.status, s.billing_anchor_at, s.period_index, s.current_period_start, s.current_period_end,
    s.cancel_at_period_end, s.trial_ends_at, s.grace_ends_at, s.version,
    case when s.allowance_tier = s.tier and s.allowance_period = s.period_index then s.allowance_ucr end as allowance_ucr,
    case when s.allowance_period = s.period_index then s.owed_ucr else 0 end as owed_ucr, c.to_tier as scheduled_tier
  from subscriptions s left join subscription_changes c on c.subscription_id = s.id and c.state = 'scheduled'`;

/** The ids twice: joined alone, the planner reads every subscription there is for each chunk of a hundred thousand. */
const ADVANCE_SQL = `
  update subscriptions s set tier = r.tier, period_index = r.period_index, current_period_start = r.starts, current_period_end = r.ends,
    trial_ends_at = case when r.tier <> 'free' then s.trial_ends_at end, version = s.version + 1, updated_at = $7,
    allowance_ucr = r.allowance_ucr, allowance_tier = r.tier, allowance_period = r.period_index, owed_ucr = 0
  from unnest($1::uuid[], $2::subscription_tier[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
    as r(id, tier, period_index, starts, ends, allowance_ucr)
  where s.id = any($1::uuid[]) and s.id = r.id`;

const RECORD_SQL = `
  insert into subscription_events (id, subscription_id, from_tier, to_tier, from_status, to_status, reason, actor_id, payload, created_at)
  select r.*, $10::timestamptz
  from unnest($1::uuid[], $2::uuid[], $3::subscription_tier[], $4::subscription_tier[], $5::subscription_status[],
    $6::subscription_status[], $7::text[], $8::uuid[], $9::jsonb[]) as r`;

interface LiveRow {
  id: string;
  user_id: string;
  tier: Tier;
  status: SubscriptionStatus;
  billing_anchor_at: string | Date;
  period_index: number;
  current_period_start: string | Date;
  current_period_end: string | Date;
  cancel_at_period_end: boolean;
  trial_ends_at: string | Date | null;
  grace_ends_at: string | Date | null;
  allowance_ucr: string | null;
  owed_ucr: string;
  version: number;
  scheduled_tier: Tier | null;
}

function toStanding(row: LiveRow): LiveSubscription {
  return {
    id: row.id,
    userId: row.user_id,
    tier: row.tier,
    status: row.status,
    billingAnchorAt: new Date(row.billing_anchor_at),
    periodIndex: row.period_index,
    currentPeriodStart: new Date(row.current_period_start),
    currentPeriodEnd: new Date(row.current_period_end),
    cancelAtPeriodEnd: row.cancel_at_period_end,
    trialEndsAt: row.trial_ends_at === null ? null : new Date(row.trial_ends_at),
    graceEndsAt: row.grace_ends_at === null ? null : new Date(row.grace_ends_at),
    allowanceUcr: row.allowance_ucr === null ? null : BigInt(row.allowance_ucr),
    owedUcr: BigInt(row.owed_ucr),
    version: row.version,
    scheduledTier: row.scheduled_tier,
  };
}
