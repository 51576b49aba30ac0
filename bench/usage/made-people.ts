import type pg from 'pg';
import { GRANT_PRIORITY } from '../../src/credits/grant.entity.js';
import type { Tier } from '../../src/common/domain/tiers.js';
import type { Random } from '../../src/simulation/random.js';
import { type BillingPeriod, billingPeriod } from '../../src/subscription/domain/billing-period.js';
import { type CopyRow, CopyRows } from './copy-rows.js';
import { uuidAt } from './made-ids.js';

const DAY_MS = 86_400_000;
/** So that no period ends while the bench runs. */
const ANCHOR_DAYS = 25;
const ALLOWANCE_UCR = 2_000_000_000n;
const TIER_SHARES = [
  ['free', 60],
  ['pro', 30],
  ['pro_max', 8],
  ['enterprise', 2],
] as const satisfies readonly (readonly [Tier, number])[];

/** A user with a subscription in its first period, an allowance nobody has touched and a purchase that all calls are paid from. */
export interface Person {
  userId: string;
  subscriptionId: string;
  allowanceId: string;
  purchaseId: string;
  tier: Tier;
  registeredAt: Date;
  anchor: Date;
}

/** In the order of their registration, which ended when the calls began. */
export function makePeople(random: Random, count: number, { begin, now }: { begin: Date; now: Date }): Person[] {
  return Array.from({ length: count }, (_, index) => {
    const registeredAt = new Date(begin.getTime() - (count - index) * 1_000);
    const anchor = new Date(Math.floor(now.getTime() / 1_000) * 1_000 - random.integer(0, ANCHOR_DAYS * DAY_MS));
    return {
      userId: uuidAt(registeredAt),
      subscriptionId: uuidAt(anchor),
      allowanceId: uuidAt(anchor),
      purchaseId: uuidAt(registeredAt),
      tier: random.weighted(TIER_SHARES),
      registeredAt,
      anchor,
    };
  });
}

/** The rows of people, table by table. */
export class PeopleRows {
  private readonly tables = {
    users: new CopyRows('users'),
    subscriptions: new CopyRows('subscriptions'),
    grants: new CopyRows('credits'),
    accounts: new CopyRows('credit_accounts'),
    postings: new CopyRows('credit_postings'),
  };

  /** A person who has spent so much. Of the purchase as much again is left, and an allowance. */
  add(person: Person, spentUcr: bigint): void {
    const { userId, subscriptionId, tier, registeredAt, anchor } = person;
    const { start, end, index } = billingPeriod(anchor, 0);
    this.tables.users.add({
      id: userId,
      email: `${userId}@example.com`,
      email_verified_at: registeredAt,
      created_at: registeredAt,
      updated_at: registeredAt,
    });
    this.tables.subscriptions.add({
      id: subscriptionId,
      user_id: userId,
      tier,
      billing_anchor_at: anchor,
      current_period_start: start,
      current_period_end: end,
      period_index: index,
      created_at: anchor,
      updated_at: anchor,
    });
    const purchasedUcr = 2n * spentUcr + ALLOWANCE_UCR;
    this.addAllowance(person, { start, end, index });
    this.addPurchase(person, { purchasedUcr, spentUcr });
    this.tables.accounts.add({
      user_id: userId,
      balance_ucr: ALLOWANCE_UCR + purchasedUcr - spentUcr,
      next_due_at: end,
      minute_at: anchor,
      day_at: anchor,
      month_at: anchor,
      created_at: registeredAt,
      updated_at: registeredAt,
    });
  }

  async writeTo(client: pg.Client): Promise<void> {
    for (const rows of Object.values(this.tables)) await rows.writeTo(client);
  }

  private addAllowance(
    { userId, allowanceId, subscriptionId, anchor }: Person,
    { start, end, index }: BillingPeriod,
  ): void {
    this.addGrant({
      user_id: userId,
      id: allowanceId,
      subscription_id: subscriptionId,
      grant_key: `allowance:${subscriptionId}:${index}`,
      source: 'subscription',
      period_index: index,
      period_start: start,
      period_end: end,
      total_ucr: ALLOWANCE_UCR,
      used_ucr: 0n,
      priority: GRANT_PRIORITY.subscription,
      effective_at: anchor,
      expires_at: end,
    });
  }

  private addPurchase(
    { userId, purchaseId, registeredAt }: Person,
    { purchasedUcr, spentUcr }: { purchasedUcr: bigint; spentUcr: bigint },
  ): void {
    this.addGrant({
      user_id: userId,
      id: purchaseId,
      subscription_id: null,
      grant_key: `purchase:${userId}`,
      source: 'purchase',
      period_index: null,
      period_start: null,
      period_end: null,
      total_ucr: purchasedUcr,
      used_ucr: spentUcr,
      priority: GRANT_PRIORITY.purchase,
      effective_at: registeredAt,
      expires_at: null,
    });
  }

  private addGrant(grant: CopyRow & { user_id: string; id: string; total_ucr: bigint; effective_at: Date }): void {
    const at = grant.effective_at;
    this.tables.grants.add({ ...grant, created_at: at, updated_at: at });
    this.tables.postings.add({
      user_id: grant.user_id,
      id: uuidAt(at),
      credit_id: grant.id,
      kind: 'grant',
      amount_ucr: grant.total_ucr,
      created_at: at,
    });
  }
}
