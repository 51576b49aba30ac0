import { Injectable, Logger } from '@nestjs/common';
import { NotFoundError } from '../common/errors/common.errors.js';
import { isUuid } from '../common/ids.js';
import { AccountRecords, type HoldRecord } from './account-records.service.js';
import { HoldService } from './hold.service.js';
import type { Correction } from './ledger.service.js';
import { HoldEndedError } from './posting.errors.js';

/** Gives back holds that nothing else ends, by hand: a stuck one before its time is over. */
@Injectable()
export class HoldVoider {
  private readonly logger = new Logger(HoldVoider.name);

  constructor(
    private readonly holds: HoldService,
    private readonly records: AccountRecords,
  ) {}

  /**
   * Ends a pending hold as requests end theirs, without a charge.
   * @throws NotFoundError when the user has no such hold, HoldEndedError when it has ended.
   */
  async void(holdId: string, by: Correction, now: Date): Promise<HoldRecord> {
    const { userId, actorId, reason } = by;
    const unknown = new NotFoundError(`The user ${userId} has no hold ${holdId}.`);
    if (!isUuid(holdId)) throw unknown;
    const member = { id: holdId, userId, state: 'voided' as const, attempts: [], hold: null };
    const [ended] = await this.holds.settle([member], now);
    if (!ended || ended.outcome === 'unknown' || ended.state === null) throw unknown;
    if (ended.outcome === 'repeat') throw new HoldEndedError(holdId, ended.state);
    this.logger.warn({ requestId: holdId, userId, actorId, reason }, 'an operator gave a hold back');
    const hold = await this.records.hold(userId, holdId);
    if (!hold) throw new Error(`hold ${holdId} vanished`);
    return hold;
  }
}
