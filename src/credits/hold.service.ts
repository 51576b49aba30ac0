import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Hold } from './hold.entity.js';
import {
  HoldRepository,
  type ReserveMember,
  type ReserveResult,
  type SettleMember,
  type SettleResult,
} from './hold.repository.js';

/** Holds as other modules use them: one at a time, each call one transaction. */
@Injectable()
export class HoldService {
  constructor(
    private readonly em: EntityManager,
    private readonly holds: HoldRepository,
  ) {}

  /** Takes a hold, or says why not; a refusal changes nothing. */
  async reserve(member: ReserveMember, now: Date): Promise<ReserveResult> {
    return single(await this.holds.reserve([member], now));
  }

  /** What `reserve` would answer now. Nothing is kept. */
  async preview(member: ReserveMember, now: Date): Promise<ReserveResult> {
    const em = this.em.fork();
    await em.begin();
    try {
      return single(await em.getRepository(Hold).reserve([member], now));
    } finally {
      await em.rollback();
    }
  }

  /** Ends a hold and charges its attempts; durable when it resolves. */
  async settle(member: SettleMember, now: Date): Promise<SettleResult> {
    return single(await this.holds.settle([member], now));
  }
}

function single<T>(results: T[]): T {
  const [result] = results;
  if (result === undefined) throw new Error('a batch of one has no result');
  return result;
}
