import { Migration } from '@mikro-orm/migrations';
import { rewriteFunction } from './rewrite-function.js';

/**
 * What a hold gives back after the close of its period is carried into the period that followed, which after a suspension is not the next one by
 * the calendar: counted from there, it had expired already, and was forfeited.
 */
export class Migration20261201010000_rollover_after_suspension extends Migration {
  override up(): void {
    this.addSql(rewriteFunction('end_special_slices', [[BY_CALENDAR, BY_WHAT_FOLLOWED]]));
  }

  override down(): void {
    this.addSql(rewriteFunction('end_special_slices', [[BY_WHAT_FOLLOWED, BY_CALENDAR]]));
  }
}

const BY_CALENDAR = `
          select (s.billing_anchor_at at time zone 'UTC' + make_interval(months => x.period_index + 1)) at time zone 'UTC',
            (s.billing_anchor_at at time zone 'UTC' + make_interval(months => x.period_index + 1 + p.rollover_periods)) at time zone 'UTC'
          into target_start, target_expires
          from subscriptions s join plans p on p.tier = s.tier where s.id = x.subscription_id;`;

/** The period that followed is the next that was closed, and otherwise the present one; of a subscription that has ended, the one it would have had. */
const BY_WHAT_FOLLOWED = `
          select (s.billing_anchor_at at time zone 'UTC' + make_interval(months => n.following)) at time zone 'UTC',
            (s.billing_anchor_at at time zone 'UTC' + make_interval(months => n.following + p.rollover_periods)) at time zone 'UTC'
          into target_start, target_expires
          from subscriptions s join plans p on p.tier = s.tier
          cross join lateral (
            select coalesce(min(c.period_index), greatest(s.period_index, x.period_index + 1)) as following from period_closes c
            where c.user_id = x.user_id and c.subscription_id = x.subscription_id and c.period_index > x.period_index
          ) n where s.id = x.subscription_id;`;
