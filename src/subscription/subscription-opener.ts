import { Injectable } from '@nestjs/common';
import { billingPeriod } from './domain/billing-period.js';
import type { Plan } from './plan.entity.js';
import { SubscriptionBooks } from './subscription-books.js';

export interface Opening {
  /** Where its periods are counted from: its first allowance begins then, which may lie in the past. */
  anchor: Date;
  trialEndsAt: Date | null;
  reason: string;
  actorId: string | null;
}

/** Opens subscriptions: the row, the account and the first allowance together. Joins the caller's transaction. */
@Injectable()
export class SubscriptionOpener {
  constructor(private readonly books: SubscriptionBooks) {}

  /**
   * Puts a user who has no live subscription on a plan; nothing happens to one who has. The plan is read before the transaction begins:
   * one that waits for a second connection while it holds its own would, many at a time, wait for each other.
   * @returns whether it was opened.
   */
  async open(userId: string, plan: Plan, opening: Opening, now: Date): Promise<boolean> {
    const { tier } = plan;
    const { anchor, trialEndsAt, reason, actorId } = opening;
    const period = billingPeriod(anchor, 0);
    const allowanceUcr = plan.monthlyCreditsUcr;
    // Where there is an account it is the first that anyone waits for: an operator's grant may have made it before.
    await this.books.credits.lockAccount(userId);
    const id = await this.books.rows.openIfNone(userId, tier, { period, allowanceUcr, trialEndsAt, now });
    if (id === null) return false;
    await this.books.rows.record({ subscriptionId: id, toTier: tier, toStatus: 'active', reason, actorId }, now);
    const due = trialEndsAt && trialEndsAt < period.end ? trialEndsAt : period.end;
    await this.books.credits.openAccount(userId, due, now);
    await this.books.credits.give(
      {
        userId,
        grantKey: `allowance:${id}:0`,
        source: 'subscription',
        amountUcr: allowanceUcr,
        effectiveAt: period.start,
        expiresAt: due,
        reason: null,
        grantedBy: null,
        period: { subscriptionId: id, ...period },
      },
      now,
    );
    return true;
  }
}
