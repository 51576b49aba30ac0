import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Hold } from './hold.entity.js';
import {
  type ExtendMember,
  HoldRepository,
  type ReserveMember,
  type ReserveResult,
  type SettleMember,
  type SettleResult,
} from './hold.repository.js';

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

  /** Ends holds and charges their attempts; durable when it resolves. */
  settle(members: readonly SettleMember[], now: Date): Promise<SettleResult[]> {
    return this.holds.settle(members, now);
  }

  /** Lets pending holds live longer; never shorter. Tells which are pending and not being ended right now. */
  extend(members: readonly ExtendMember[], now: Date): Promise<boolean[]> {
    return this.holds.extend(members, now);
  }
}
