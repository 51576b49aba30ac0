import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import type { Tier } from '../common/domain/tiers.js';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { UserNotFoundError } from '../credits/credits.errors.js';
import { followingTier } from './domain/transitions.js';
import { PeriodCloseService } from './period-close.service.js';
import type { Plan } from './plan.entity.js';
import type { Cause } from './subscription-audit.js';
import { SubscriptionBooks } from './subscription-books.js';
import { AddressNotConfirmedError, SubscriptionInactiveError } from './subscription.errors.js';
import { type Opening, SubscriptionOpener } from './subscription-opener.js';
import type { LiveSubscription } from './subscription.repository.js';

/** Guards may be this much behind; `reserve` decides under the account's lock. */
const CURRENT_TTL_MS = 5_000;
const CURRENT_USERS_MAX = 10_000;
const DAY_MS = 86_400_000;
/** Who opens a subscription at the same moment is seen by the second try. */
const START_ROUNDS_MAX = 3;

export type CurrentSubscription = LiveSubscription;

/** Who is on which plan. A user's first subscription, account and allowance come into being together, whenever they are first needed. */
@Injectable()
export class SubscriptionService implements OnModuleInit {
  private readonly known = new LRUCache<string, CurrentSubscription>({ max: CURRENT_USERS_MAX, ttl: CURRENT_TTL_MS });

  constructor(
    private readonly books: SubscriptionBooks,
    private readonly opener: SubscriptionOpener,
    private readonly periods: PeriodCloseService,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.books.credits.keepAccountsWith({
      keepUp: async (userId, now) => {
        if (await this.books.rows.isEntitled(userId)) await this.ensureSubscription(userId, now);
        await this.closeDuePeriods(userId, now);
      },
      hasAllowanceToCome: (userId, now) => this.hasAllowanceToCome(userId, now),
    });
  }

  /**
   * The user's live subscription, at most a few seconds old; a user without one is put on the free plan, from `now` on.
   * @throws SubscriptionInactiveError for a user whose address is not verified.
   */
  async current(userId: string, now = this.clock.now()): Promise<CurrentSubscription> {
    const known = this.known.get(userId);
    return known && known.currentPeriodEnd > now ? known : this.ensureSubscription(userId, now);
  }

  /**
   * The live subscription as stored. A user without one gets the free plan, its account and its first allowance in one transaction, once,
   * however many ask at the same time.
   * @throws SubscriptionInactiveError for a user whose address is not verified.
   */
  async ensureSubscription(userId: string, now: Date): Promise<CurrentSubscription> {
    let live = await this.books.rows.findLive(userId);
    if (!live) {
      if (!(await this.books.rows.isEntitled(userId))) throw SubscriptionInactiveError.unverified();
      const plan = await this.books.plans.of('free');
      const opening = { anchor: now, trialEndsAt: null, reason: 'opened', actorId: null };
      await this.books.rows.transactional(() => this.opener.open(userId, plan, opening, now));
      live = await this.books.rows.findLive(userId);
    }
    if (!live) throw new Error(`user ${userId} has no live subscription although one was opened`);
    this.known.set(userId, live);
    return live;
  }

  /**
   * Closes every billing period of the user that is due at `now`: carries, forfeits, grants the next allowances, ends what has been
   * cancelled. Returns whether anything was closed. The job does the same for everybody; this does not wait for it.
   */
  async closeDuePeriods(userId: string, now: Date): Promise<boolean> {
    const closed = await this.periods.closeDue(userId, now);
    if (closed.length > 0) this.forget(userId);
    return closed.length > 0;
  }

  /**
   * Starts a plan afresh: what was live ends and its allowance is forfeited, the new plan begins now with its whole allowance. Changes
   * nothing for a user who is on that plan. A trial lasts as long as the plan says.
   * @throws UserNotFoundError, AddressNotConfirmedError, InvalidRequestError for a trial that is not offered.
   */
  async startPlan(
    userId: string,
    tier: Tier,
    start: Cause & { isTrial: boolean },
    now: Date,
  ): Promise<CurrentSubscription> {
    const plan = await this.books.plans.of(tier);
    const { actorId, reason } = start;
    if (start.isTrial && plan.trialDays === 0) {
      throw InvalidRequestError.of([{ field: 'trial', message: `plan ${tier} offers no trial` }]);
    }
    if (!(await this.books.rows.isEntitled(userId))) {
      throw (await this.books.rows.hasUser(userId))
        ? new AddressNotConfirmedError(userId)
        : new UserNotFoundError(userId);
    }
    const trialEndsAt = start.isTrial ? new Date(now.getTime() + plan.trialDays * DAY_MS) : null;
    await this.closeDuePeriods(userId, now);
    const opening = { anchor: now, trialEndsAt, reason, actorId };
    for (let round = 1; !(await this.replaceBy(plan, { userId, opening, start }, now)); round += 1)
      if (round === START_ROUNDS_MAX) throw new Error(`user ${userId} was put on another plan again and again`);
    this.forget(userId);
    return this.ensureSubscription(userId, now);
  }

  /** One try. False where somebody else opened a subscription meanwhile, for whom there was no account to wait for yet. */
  private replaceBy(
    plan: Plan,
    { userId, opening, start }: { userId: string; opening: Opening; start: Cause },
    now: Date,
  ): Promise<boolean> {
    const { tier } = plan;
    return this.books.rows.transactional(async () => {
      const isLocked = await this.books.credits.lockAccount(userId);
      const live = await this.books.rows.findLive(userId);
      if (live?.tier === tier) return true;
      // Opened since the look for an account: now there is one to wait for, and others may be waiting to replace it as well.
      if (live && !isLocked) return false;
      if (live) {
        const { actorId, reason } = opening;
        const replaced = { status: 'cancelled' as const, at: now, reason: `replaced: ${reason}`, actorId };
        await this.periods.finish(live, replaced, tier, now);
      }
      if (!(await this.opener.open(userId, plan, opening, now))) return false;
      const opened = (await this.books.rows.findLive(userId))!;
      await this.books.audit.note('start', { before: live ?? null, after: opened }, start, now);
      return true;
    });
  }

  /** Whether the next period, or the free plan where it is the last, brings credits: an operator may have plans that give none. */
  async hasAllowanceToCome(userId: string, now: Date): Promise<boolean> {
    const tier = followingTier(await this.current(userId, now));
    return tier !== null && (await this.books.plans.of(tier)).monthlyCreditsUcr > 0n;
  }

  /** What the subscription's tier gives and allows. */
  async planOf({ tier }: Pick<LiveSubscription, 'tier'>): Promise<Plan> {
    return this.books.plans.of(tier);
  }

  /** Forgets what is known of a user, after a change elsewhere. */
  forget(userId: string): void {
    this.known.delete(userId);
  }
}
