import { type EntityManager, EntityRepository } from '@mikro-orm/postgresql';
import { smallerUcr } from '../common/domain/micro-credits.js';
import { newId } from '../common/ids.js';
import { Grant, GRANT_PRIORITY, type GrantSource } from './grant.entity.js';

export interface NewGrant {
  userId: string;
  /** Unique per user: the same key never grants twice. */
  grantKey: string;
  source: GrantSource;
  amountUcr: bigint;
  effectiveAt: Date;
  expiresAt: Date | null;
  reason: string | null;
  grantedBy: string | null;
  period?: { subscriptionId: string; index: number; start: Date; end: Date };
}

/** What a grant will lose unless it is used. */
export interface EndingCredits {
  grantId: string;
  source: GrantSource;
  amountUcr: bigint;
  expiresAt: Date;
}

export interface AccountSums {
  heldUcr: bigint;
  debtUcr: bigint;
  nextDueAt: Date | null;
}

/** Grants and the account they belong to. Every method that writes expects a transaction and locks the account first. */
export class GrantRepository extends EntityRepository<Grant> {
  /** Makes the user's account, or moves its next period end. */
  async openAccount(userId: string, nextDueAt: Date | null, now: Date): Promise<void> {
    await this.em.execute(
      `insert into credit_accounts (user_id, next_due_at, minute_at, day_at, month_at, created_at, updated_at)
       values (?, ?, date_trunc('minute', ?::timestamptz, 'UTC'), date_trunc('day', ?::timestamptz, 'UTC'),
         date_trunc('month', ?::timestamptz, 'UTC'), ?, ?)
       on conflict (user_id) do update set next_due_at = coalesce(excluded.next_due_at, credit_accounts.next_due_at), updated_at = excluded.updated_at`,
      [userId, nextDueAt, now, now, now, now, now],
    );
  }

  /** Locks the account; undefined when the user has none. */
  async lockAccount(userId: string): Promise<AccountSums | undefined> {
    return this.readAccount(userId, 'for update');
  }

  async findAccount(userId: string): Promise<AccountSums | undefined> {
    return this.readAccount(userId, '');
  }

  /**
   * Gives credits once per key and repays open debt with them first.
   * @returns the grant's id, or null when the key has granted before. Expects the account's lock.
   */
  async give(grant: NewGrant, debtUcr: bigint, now: Date): Promise<string | null> {
    const id = newId();
    const repaid = grant.effectiveAt <= now ? smallerUcr(debtUcr, grant.amountUcr) : 0n;
    const isEmpty = repaid === grant.amountUcr;
    const inserted = await this.em.execute<unknown[]>(
      `insert into credits (user_id, id, subscription_id, grant_key, source, period_index, period_start, period_end, total_ucr, used_ucr,
         priority, effective_at, expires_at, closed_at, reason, granted_by, created_at, updated_at)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (user_id, grant_key) do nothing returning id`,
      [
        grant.userId,
        id,
        grant.period?.subscriptionId ?? null,
        grant.grantKey,
        grant.source,
        grant.period?.index ?? null,
        grant.period?.start ?? null,
        grant.period?.end ?? null,
        grant.amountUcr,
        repaid,
        GRANT_PRIORITY[grant.source],
        grant.effectiveAt,
        grant.expiresAt,
        isEmpty ? now : null,
        grant.reason,
        grant.grantedBy,
        now,
        now,
      ],
    );
    if (inserted.length === 0) return null;
    const line = { userId: grant.userId, creditId: id, actorId: grant.grantedBy, reason: grant.reason };
    if (grant.amountUcr > 0n) await this.post({ ...line, kind: 'grant', amountUcr: grant.amountUcr }, now);
    if (repaid > 0n) await this.post({ ...line, kind: 'debt_repayment', amountUcr: -repaid }, now);
    await this.em.execute(
      `update credit_accounts set balance_ucr = balance_ucr + ?, debt_ucr = debt_ucr - ?, updated_at = ? where user_id = ?`,
      [grant.amountUcr - repaid, repaid, now, grant.userId],
    );
    return id;
  }

  async findByKey(userId: string, grantKey: string): Promise<Grant | null> {
    return this.reader.findOne(Grant, { userId, grantKey }, { disableIdentityMap: true });
  }

  /** What a grant gave when it was made; corrections since are lines of their own. */
  async givenBy({ userId, id }: Pick<Grant, 'userId' | 'id'>): Promise<bigint> {
    const [row] = await this.em.execute<{ amount: string }[]>(
      `select amount_ucr as amount from credit_postings_all where user_id = ? and credit_id = ? and kind = 'grant'`,
      [userId, id],
    );
    return BigInt(row?.amount ?? 0);
  }

  /** Grants that are not over at `now`, in burn order; those of the future are among them. */
  async findOpen(userId: string, now: Date): Promise<Grant[]> {
    return this.reader.find(
      Grant,
      { userId, closedAt: null, $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }] },
      {
        orderBy: { priority: 'asc', expiresAt: 'asc nulls last', createdAt: 'asc', id: 'asc' },
        disableIdentityMap: true,
      },
    );
  }

  /** µcr burned by requests since `since`, new debt included; what was refunded is not. */
  async usedSince(userId: string, since: Date): Promise<bigint> {
    const [row] = await this.em.execute<{ used: string }[]>(
      `select coalesce(sum(abs(p.amount_ucr)), 0)::bigint as used from credit_postings p
       where p.user_id = ? and p.created_at >= ? and p.kind in ('usage', 'debt')
         and not exists (select from credit_reversals r where r.user_id = p.user_id and r.original_id = p.id)`,
      [userId, since],
    );
    return BigInt(row?.used ?? 0);
  }

  /** What the user will lose by `until` as things stand. */
  async findEnding(userId: string, until: Date, now: Date): Promise<EndingCredits[]> {
    const rows = await this.em.execute<
      { credit_id: string; source: GrantSource; amount_ucr: string; expires_at: string | Date }[]
    >('select * from tollgate.ending_credits(?, ?, ?)', [userId, until, now]);
    return rows.map((row) => ({
      grantId: row.credit_id,
      source: row.source,
      amountUcr: BigInt(row.amount_ucr),
      expiresAt: new Date(row.expires_at),
    }));
  }

  /** Whether a payment has given credits to somebody else. Holds the payment until the transaction ends, so that two at once meet here. */
  async isPaymentOfAnother(userId: string, grantKey: string): Promise<boolean> {
    await this.em.execute('select pg_advisory_xact_lock(hashtextextended(?, 0))', [grantKey]);
    const rows = await this.em.execute<unknown[]>(
      `select 1 from credits where source = 'purchase' and grant_key = ? and user_id <> ?`,
      [grantKey, userId],
    );
    return rows.length > 0;
  }

  async hasUser(userId: string): Promise<boolean> {
    const rows = await this.em.execute<unknown[]>('select 1 from users where id = ? and deleted_at is null', [userId]);
    return rows.length > 0;
  }

  /** The transaction under way, else a reader of its own: background work has no request's context. */
  private get reader(): Pick<EntityManager, 'find' | 'findOne'> {
    return this.em.isInTransaction() ? this.em : this.em.fork();
  }

  private async readAccount(userId: string, lock: '' | 'for update'): Promise<AccountSums | undefined> {
    const [row] = await this.em.execute<{ held_ucr: string; debt_ucr: string; next_due_at: string | Date | null }[]>(
      `select held_ucr, debt_ucr, next_due_at from credit_accounts where user_id = ? ${lock}`,
      [userId],
    );
    if (!row) return undefined;
    return {
      heldUcr: BigInt(row.held_ucr),
      debtUcr: BigInt(row.debt_ucr),
      nextDueAt: row.next_due_at === null ? null : new Date(row.next_due_at),
    };
  }

  private async post(
    line: {
      userId: string;
      creditId: string;
      kind: 'grant' | 'debt_repayment';
      amountUcr: bigint;
      actorId: string | null;
      reason: string | null;
    },
    now: Date,
  ): Promise<void> {
    await this.em.execute(
      `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, actor_id, reason, created_at) values (?, ?, ?, ?, ?, ?, ?, ?)`,
      [line.userId, newId(), line.creditId, line.kind, line.amountUcr, line.actorId, line.reason, now],
    );
  }
}
