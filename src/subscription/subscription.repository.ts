import { EntityRepository } from '@mikro-orm/postgresql';
import type { Tier } from '../common/domain/tiers.js';
import { newId } from '../common/ids.js';
import type { BillingPeriod } from './domain/billing-period.js';
import { Subscription } from './subscription.entity.js';

export class SubscriptionRepository extends EntityRepository<Subscription> {
  /** Runs `work` in one transaction, which the repositories that it calls join. */
  async transactional<T>(work: () => Promise<T>): Promise<T> {
    return this.em.transactional(work);
  }

  async findLive(userId: string): Promise<Subscription | null> {
    // The transaction under way, else a reader of its own: background work has no request's context.
    const em = this.em.isInTransaction() ? this.em : this.em.fork();
    return em.findOne(Subscription, { userId, status: { $in: ['active', 'suspended'] } }, { disableIdentityMap: true });
  }

  /** Opens a subscription unless the user has a live one; then, after whoever opens it at this moment has finished, it returns null. */
  async openIfNone(userId: string, tier: Tier, period: BillingPeriod): Promise<string | null> {
    const id = newId();
    const { start, end } = period;
    const inserted = await this.em.execute<unknown[]>(
      `insert into subscriptions (id, user_id, tier, billing_anchor_at, period_index, current_period_start, current_period_end, created_at, updated_at)
       values (?, ?, ?, ?, 0, ?, ?, ?, ?)
       on conflict (user_id) where status in ('active', 'suspended') do nothing returning id`,
      [id, userId, tier, start, start, end, start, start],
    );
    return inserted.length > 0 ? id : null;
  }

  async cancel(id: string, now: Date): Promise<void> {
    await this.em.execute(
      `update subscriptions set status = 'cancelled', version = version + 1, updated_at = ? where id = ?`,
      [now, id],
    );
  }

  async record(
    event: {
      subscriptionId: string;
      fromTier?: Tier;
      toTier?: Tier;
      fromStatus?: string;
      toStatus?: string;
      reason: string;
    },
    now: Date,
  ): Promise<void> {
    await this.em.execute(
      `insert into subscription_events (id, subscription_id, from_tier, to_tier, from_status, to_status, reason, created_at)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        newId(),
        event.subscriptionId,
        event.fromTier ?? null,
        event.toTier ?? null,
        event.fromStatus ?? null,
        event.toStatus ?? null,
        event.reason,
        now,
      ],
    );
  }

  /** Whether the user may have credits: there, and with a verified address. */
  async isEntitled(userId: string): Promise<boolean> {
    const rows = await this.em.execute<unknown[]>(
      'select 1 from users where id = ? and deleted_at is null and email_verified_at is not null',
      [userId],
    );
    return rows.length > 0;
  }
}
