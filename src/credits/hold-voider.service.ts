import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../common/errors/common.errors.js';
import { isUuid } from '../common/ids.js';
import { type AuditCause, AuditTrail } from '../monitoring/audit-trail.service.js';
import { AccountRecords, type HoldRecord } from './account-records.service.js';
import { HoldService } from './hold.service.js';
import { HoldEndedError } from './posting.errors.js';

/** Gives back holds that nothing else ends, by hand: a stuck one before its time is over. */
@Injectable()
export class HoldVoider {
  constructor(
    private readonly em: EntityManager,
    private readonly holds: HoldService,
    private readonly records: AccountRecords,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Ends a pending hold as requests end theirs, without a charge.
   * @throws NotFoundError when the user has no such hold, HoldEndedError when it has ended.
   */
  async void(holdId: string, userId: string, cause: AuditCause, now: Date): Promise<HoldRecord> {
    const unknown = new NotFoundError(`The user ${userId} has no hold ${holdId}.`);
    if (!isUuid(holdId)) throw unknown;
    await this.em.transactional(async () => {
      const ending = { id: holdId, userId, state: 'voided' as const, attempts: [], hold: null };
      const [result] = await this.holds.settle([ending], now);
      if (!result || result.outcome === 'unknown' || result.state === null) throw unknown;
      if (result.outcome === 'repeat') throw new HoldEndedError(holdId, result.state);
      const change = { action: 'credits.void', entity: 'credit_hold', entityId: holdId };
      await this.audit.record(
        { ...change, before: { userId, state: 'pending' }, after: { userId, state: result.state } },
        cause,
        now,
      );
    });
    const hold = await this.records.hold(userId, holdId);
    if (!hold) throw new Error(`hold ${holdId} vanished`);
    return hold;
  }
}
