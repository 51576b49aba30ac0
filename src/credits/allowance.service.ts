import { Injectable } from '@nestjs/common';
import { AllowanceRepository, type CloseOutcome, type CloseTerms } from './allowance.repository.js';

/** One billing period of one subscription. */
export interface AllowancePeriod {
  userId: string;
  subscriptionId: string;
  periodIndex: number;
}

/** The credits of billing periods, for the module that knows plans. Every method that writes joins the caller's transaction. */
@Injectable()
export class AllowanceService {
  constructor(private readonly allowances: AllowanceRepository) {}

  /**
   * Ends periods and opens the next ones, once each: carries, forfeits, grants, repays debt. Set-based, so that a thousand cost little more
   * than one; at most one period of a user in a call.
   */
  async closePeriods(terms: readonly CloseTerms[], now: Date): Promise<CloseOutcome[]> {
    return terms.length === 0 ? [] : this.allowances.close(terms, now);
  }

  /** At most `limit` users with something due at `now`, in the order of their ids, from the one after `after` on. Takes no lock. */
  async findDue(now: Date, after: string, limit: number): Promise<string[]> {
    return this.allowances.findDue(now, after, limit);
  }

  /** Locks those of the accounts that are due, and answers whose they are; busy ones are waited for or left out. */
  async lockDue(userIds: readonly string[], now: Date, busy: 'wait' | 'skip'): Promise<string[]> {
    return this.allowances.lockDue(userIds, now, busy);
  }

  /** When the account must be looked at again, and since when it may not be used. Expects the account's lock. */
  async setDue(userId: string, due: { nextDueAt: Date | null; suspendedAt: Date | null }, now: Date): Promise<void> {
    await this.allowances.setDue(userId, due, now);
  }

  /** Since when the user's account may not be used; null where it may. */
  async suspendedSince(userId: string): Promise<Date | null> {
    return this.allowances.suspendedSince(userId);
  }

  /** Which of these users have something due at `now`. */
  async dueOf(userIds: readonly string[], now: Date): Promise<string[]> {
    return userIds.length === 0 ? [] : this.allowances.dueOf(userIds, now);
  }

  /** What is free of each period's allowance and proration grants, in µcr, in the order asked. */
  async leftOf(periods: readonly AllowancePeriod[]): Promise<bigint[]> {
    return periods.length === 0 ? [] : this.allowances.leftOf(periods);
  }

  /** Lets the grants of a period that is not closed last until `expiresAt`. Expects the account's lock. */
  async endGrantsAt(period: AllowancePeriod, expiresAt: Date, now: Date): Promise<void> {
    await this.allowances.endGrantsAt(period, expiresAt, now);
  }

  /** Takes back at most what is free of a period. Expects the account's lock. Returns what was taken, in µcr. */
  async takeBack(
    period: AllowancePeriod,
    taking: { amountUcr: bigint; reason: string; actorId: string | null },
    now: Date,
  ): Promise<bigint> {
    return taking.amountUcr > 0n ? this.allowances.takeBack(period, taking, now) : 0n;
  }
}
