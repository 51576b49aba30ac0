import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Hold } from './hold.entity.js';
import { CreditAccount } from './account.entity.js';
import type { CountedUse } from './domain/request-limits.js';
import {
  type ExtendMember,
  HoldRepository,
  type ReserveMember,
  type ReserveResult,
  type SettleMember,
  type SettleResult,
  type WaitingMember,
} from './hold.repository.js';

/** How much of `2026-05-10T12:00` names a window, in UTC. */
const WINDOW_DIGITS = { minute: 16, day: 10, month: 7 } as const;

/** Holds as other modules use them: many at a time, each call one transaction, one result per member in their order. */
@Injectable()
export class HoldService {
  constructor(
    private readonly em: EntityManager,
    private readonly holds: HoldRepository,
  ) {}

  /** Takes each hold, or says why not; a refusal changes nothing. `wallNow` is the time by which accesses expire. */
  reserve(members: readonly ReserveMember[], now: Date, wallNow: Date): Promise<ReserveResult[]> {
    return this.holds.reserve(members, now, wallNow);
  }

  /** What `reserve` would answer one member now. Nothing is kept. */
  async preview(member: ReserveMember, now: Date, wallNow: Date): Promise<ReserveResult> {
    const em = this.em.fork();
    await em.begin();
    try {
      const [result] = await em.getRepository(Hold).reserve([member], now, wallNow);
      if (!result) throw new Error('a batch of one has no result');
      return result;
    } finally {
      await em.rollback();
    }
  }

  /** What the limits count of an account at `now`; null for a user who has none. */
  async counted(userId: string, now: Date): Promise<CountedUse | null> {
    const account = await this.em.fork().findOne(CreditAccount, { userId });
    if (!account) return null;
    const inWindow = (startedAt: Date, unit: 'minute' | 'day' | 'month'): boolean =>
      startedAt.toISOString().slice(0, WINDOW_DIGITS[unit]) === now.toISOString().slice(0, WINDOW_DIGITS[unit]);
    const [minute, day, month] = [
      inWindow(account.minuteAt, 'minute'),
      inWindow(account.dayAt, 'day'),
      inWindow(account.monthAt, 'month'),
    ];
    return {
      pending: account.pendingCount - (await this.holds.countWaiting(userId)),
      minuteRequests: minute ? account.minuteRequests : 0,
      minuteTokens: minute ? account.minuteTokens : 0n,
      dayRequests: day ? account.dayRequests : 0,
      dayTokens: day ? account.dayTokens : 0n,
      monthRequests: month ? account.monthRequests : 0,
      monthTokens: month ? account.monthTokens : 0n,
    };
  }

  /** Ends holds and charges their attempts; durable when it resolves. */
  settle(members: readonly SettleMember[], now: Date): Promise<SettleResult[]> {
    return this.holds.settle(members, now);
  }

  /** Marks pending holds as those of work that waits, which is no concurrent request, or is under way now, which is one. */
  markWaiting(members: readonly WaitingMember[], now: Date): Promise<void> {
    return this.holds.markWaiting(members, now);
  }

  /** Lets pending holds live longer; never shorter. Tells which are pending and not being ended right now. */
  extend(members: readonly ExtendMember[], now: Date): Promise<boolean[]> {
    return this.holds.extend(members, now);
  }
}
