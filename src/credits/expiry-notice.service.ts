import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { Mailer } from '../auth/mail/mailer.js';
import type { Language } from '../auth/texts/languages.js';
import { UCR_PER_CREDIT } from '../common/domain/micro-credits.js';
import { JobFailureService } from '../jobs/job-failure.service.js';
import { noticeOf } from './domain/expiry-notice.js';
import { type EndingCredits, GrantRepository } from './grant.repository.js';

export const EXPIRY_NOTICE_JOB = 'credit-expiry-notice';
/** Enough time to use them, near enough to matter. */
const NOTICE_WITHIN_MS = 3 * 86_400_000;
/** Less than this is not worth a mail. */
const NOTICE_UCR_MIN = UCR_PER_CREDIT;
/** Users looked up at once; each is told in a transaction of its own. */
const USERS_MAX = 500;

export interface NoticeSummary {
  users: number;
  grants: number;
  /** Users whose mail could not be sent; the next run tries again. */
  failed: number;
}

/** Tells users once of each grant that is about to end, in one mail for all that end at about the same time. */
@Injectable()
export class ExpiryNoticeService {
  constructor(
    private readonly em: EntityManager,
    private readonly grants: GrantRepository,
    private readonly mailer: Mailer,
    private readonly failures: JobFailureService,
  ) {}

  /** Safe on every replica at once. A mail that fails is tried again in the next run. */
  async sendNotices(now: Date, signal?: AbortSignal): Promise<NoticeSummary> {
    const until = new Date(now.getTime() + NOTICE_WITHIN_MS);
    const sent = { users: 0, grants: 0, failed: 0 };
    let after: string | null = null;
    do {
      const query: CompiledQuery<DueRow> = CompiledQuery.raw(DUE_SQL, [until, now, NOTICE_UCR_MIN, after, USERS_MAX]);
      const { rows } = await this.em.fork().getKysely().executeQuery(query);
      for (const { user_id: userId } of rows) {
        if (signal?.aborted) return sent;
        try {
          const told = await this.tell(userId, until, now);
          if (told > 0) await this.failures.resolve(EXPIRY_NOTICE_JOB, 'user', userId, now);
          sent.grants += told;
          sent.users += told > 0 ? 1 : 0;
        } catch (error) {
          sent.failed += 1;
          const reason = error instanceof Error ? error.message : String(error);
          await this.failures.record({ job: EXPIRY_NOTICE_JOB, entity: 'user', entityId: userId, reason }, now);
        }
      }
      after = rows.length < USERS_MAX ? null : (rows.at(-1)?.user_id ?? null);
    } while (after !== null);
    return sent;
  }

  /** Tells one user, where the job could not. */
  async sendNotice(userId: string, now: Date): Promise<void> {
    await this.tell(userId, new Date(now.getTime() + NOTICE_WITHIN_MS), now);
  }

  /** The stamp and the mail stand or fall together: what is looked up under the lock is told by nobody else. */
  private async tell(userId: string, until: Date, now: Date): Promise<number> {
    return this.em.fork().transactional(async (em) => {
      const [account] = await em.execute<{ email: string; language: Language }[]>(LOCK_SQL, [userId]);
      if (!account) return 0;
      const ending = (await this.grants.findEnding(userId, until, now)).filter(
        ({ amountUcr }) => amountUcr >= NOTICE_UCR_MIN,
      );
      const fresh: EndingCredits[] = [];
      for (const grant of ending) {
        const stamped = await em.execute<unknown[]>(
          `update credits set expiry_noticed_at = ?, updated_at = ? where user_id = ? and id = ? and expiry_noticed_at is null returning id`,
          [now, now, userId, grant.grantId],
        );
        if (stamped.length > 0) fresh.push(grant);
      }
      if (fresh.length === 0) return 0;
      const { email: to, language } = account;
      await this.mailer.send({ to, language, template: 'notice', variables: noticeOf(fresh, language) });
      return fresh.length;
    });
  }
}

/** Who has something to be told, in user order. */
const DUE_SQL = `
  select distinct e.user_id
  from tollgate.ending_credits(null, $1, $2) e
  join credits c on c.user_id = e.user_id and c.id = e.credit_id
  join users u on u.id = e.user_id
  where c.expiry_noticed_at is null and e.amount_ucr >= $3::bigint and ($4::uuid is null or e.user_id > $4)
    and u.status = 'active' and u.deleted_at is null
  order by e.user_id limit $5`;

const LOCK_SQL = `
  select u.email, u.language from credit_accounts a join users u on u.id = a.user_id
  where a.user_id = ? for update of a skip locked`;

interface DueRow {
  user_id: string;
}
