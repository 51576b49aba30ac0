import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../common/errors/common.errors.js';
import { isUuid } from '../common/ids.js';
import { type AuditCause, AuditTrail } from '../monitoring/audit-trail.service.js';
import { AccountRecords, type HoldRecord } from './account-records.service.js';
import { HoldService } from './hold.service.js';
import { HoldEndedError } from './posting.errors.js';

/** Ends holds by hand, before the sweeper would: those of a server that is gone. */
@Injectable()
export class HoldExpirer {
  constructor(
    private readonly em: EntityManager,
    private readonly holds: HoldService,
    private readonly records: AccountRecords,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Lets a pending hold expire now. A request that still runs is charged all the same when it ends, late.
   * @throws NotFoundError when the user has no such hold, HoldEndedError when it has ended.
   */
  async expire(holdId: string, userId: string, cause: AuditCause, now: Date): Promise<HoldRecord> {
    const unknown = new NotFoundError(`The user ${userId} has no hold ${holdId}.`);
    if (!isUuid(holdId)) throw unknown;
    await this.em.transactional(async () => {
      // The account first, as everywhere; then nobody who has it can wait for the hold.
      await this.em.execute('select 1 from credit_accounts where user_id = ? for update', [userId]);
      await this.em.execute(
        `update credit_holds set expires_at = least(expires_at, ?), updated_at = ? where user_id = ? and id = ? and state = 'pending'`,
        [now, now, userId, holdId],
      );
      const ending = { id: holdId, userId, state: 'expired' as const, attempts: [], hold: null };
      const [result] = await this.holds.settle([ending], now);
      if (!result || result.outcome === 'unknown' || result.state === null) throw unknown;
      if (result.outcome === 'repeat') throw new HoldEndedError(holdId, result.state);
      const change = { action: 'credits.expire_hold', entity: 'credit_hold', entityId: holdId.toLowerCase() };
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
