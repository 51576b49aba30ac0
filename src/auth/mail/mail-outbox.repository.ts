import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { MailOutbox } from './mail-outbox.entity.js';

/** What was sent is kept as a fact, not as a text: links in it have been secrets. */
const NOTHING = Buffer.alloc(0);

@Injectable()
export class MailOutboxRepository {
  constructor(private readonly em: EntityManager) {}

  /**
   * The mail that has waited longest for its attempt, given to this caller alone until `leaseUntil`. Notices come after all others: nobody who
   * registers is to wait until every user has been told that credits expire.
   */
  async claim(now: Date, leaseUntil: Date): Promise<MailOutbox | null> {
    const em = this.em.fork();
    const rows = await em.execute<{ id: string }[]>(
      `update mail_outbox set attempts = attempts + 1, next_attempt_at = ?, updated_at = ?
       where id = (select id from mail_outbox where state = 'pending' and next_attempt_at <= ?
                   order by template = 'notice', next_attempt_at limit 1 for update skip locked)
       returning id`,
      [leaseUntil, now, now],
    );
    return rows[0] ? em.findOneOrFail(MailOutbox, { id: rows[0].id }) : null;
  }

  async markSent(id: string, now: Date): Promise<void> {
    await this.change(id, { state: 'sent', sentAt: now, variablesSealed: NOTHING, lastError: null, updatedAt: now });
  }

  /** The next attempt comes at `nextAttemptAt`, or never. */
  async markUnsent(id: string, reason: string, nextAttemptAt: Date | null, now: Date): Promise<void> {
    const next = nextAttemptAt ? { nextAttemptAt } : { state: 'failed' as const, variablesSealed: NOTHING };
    await this.change(id, { ...next, lastError: reason, updatedAt: now });
  }

  /** How many rows of ended mails older than `before` were deleted, at most `limit`. */
  async deleteEnded(before: Date, limit: number): Promise<number> {
    const rows = await this.em.fork().execute<unknown[]>(
      `delete from mail_outbox where id in
         (select id from mail_outbox where state <> 'pending' and created_at < ? limit ? for update skip locked)
       returning id`,
      [before, limit],
    );
    return rows.length;
  }

  private async change(id: string, values: Partial<MailOutbox>): Promise<void> {
    await this.em.fork().nativeUpdate(MailOutbox, { id }, values);
  }
}
