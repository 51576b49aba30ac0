import { EntityRepository } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import { newId } from '../common/ids.js';
import type { GrantSource } from './grant.entity.js';
import type { CreditPosting, PostingKind } from './posting.entity.js';

/** A posting as people read it. */
export interface PostingLine {
  id: string;
  kind: PostingKind;
  amountUcr: bigint;
  creditId: string | null;
  source: GrantSource | null;
  holdId: string | null;
  actorId: string | null;
  reason: string | null;
  createdAt: Date;
  /** The line that this one cancels. */
  reverses: string | null;
  /** The line that cancels this one. */
  reversedBy: string | null;
  /** `createdAt` with all its digits, to continue a page from. */
  position: string;
}

export interface PostingFilter {
  kinds: readonly PostingKind[] | null;
  /** Included. */
  from: Date | null;
  /** Excluded. */
  to: Date | null;
  after: { at: string; id: string } | null;
  limit: number;
}

export interface NewPosting {
  userId: string;
  creditId: string | null;
  holdId: string | null;
  kind: 'adjustment' | 'refund';
  amountUcr: bigint;
  actorId: string;
  reason: string;
}

/** What a correction needs to know of a grant. */
export interface GrantRoom {
  id: string;
  freeUcr: bigint;
  heldUcr: bigint;
  endedAt: Date | null;
  /** By its expiry, by the close of its period, or with its subscription. An exhausted grant is not over. */
  isOver: boolean;
}

/** The column of a grant that a posting moves: what is left falls with `used` and `expired` and rises with `total`. */
export type GrantColumn = 'total' | 'used' | 'expired';

/** The append-only lines. Every method that writes expects a transaction that has the account's lock. */
export class PostingRepository extends EntityRepository<CreditPosting> {
  /** Newest first. */
  async findPage(userId: string, filter: PostingFilter): Promise<PostingLine[]> {
    return this.lines(
      `where p.user_id = $1 and ($2::posting_kind[] is null or p.kind = any($2::posting_kind[]))
         and ($3::timestamptz is null or p.created_at >= $3) and ($4::timestamptz is null or p.created_at < $4)
         and ($5::timestamptz is null or (p.created_at, p.id) < ($5, $6::uuid))
       order by p.created_at desc, p.id desc limit $7`,
      [userId, filter.kinds, filter.from, filter.to, filter.after?.at ?? null, filter.after?.id ?? null, filter.limit],
    );
  }

  async findById(userId: string, id: string): Promise<PostingLine | undefined> {
    const [line] = await this.findByIds(userId, [id]);
    return line;
  }

  async findByIds(userId: string, ids: readonly string[]): Promise<PostingLine[]> {
    return this.lines('where p.user_id = $1 and p.id = any($2::uuid[]) order by array_position($2::uuid[], p.id)', [
      userId,
      ids,
    ]);
  }

  /** What a request cost: its usage lines and the debt it made. */
  async findCharges(userId: string, holdId: string): Promise<PostingLine[]> {
    return this.lines(
      `where p.user_id = $1 and p.hold_id = $2 and p.kind in ('usage', 'debt') order by p.created_at, p.id`,
      [userId, holdId],
    );
  }

  async findGrant(userId: string, grantId: string, now: Date): Promise<GrantRoom | undefined> {
    const [row] = await this.em.execute<GrantRoomRow[]>(GRANT_ROOM_SQL, [now, userId, grantId]);
    if (!row) return undefined;
    return {
      id: grantId,
      freeUcr: BigInt(row.free),
      heldUcr: BigInt(row.held),
      endedAt: row.ended_at === null ? null : new Date(row.ended_at),
      isOver: row.is_over,
    };
  }

  /** Moves a grant that is not over by a line, and writes it. An exhausted grant is closed, one with credits again is open. */
  async moveGrant(line: NewPosting & { creditId: string }, column: GrantColumn, now: Date): Promise<string> {
    const { userId, creditId, amountUcr } = line;
    const moved = column === 'total' ? amountUcr : -amountUcr;
    await this.em.execute(
      `update credits set ${column}_ucr = ${column}_ucr + ?, updated_at = ?,
         closed_at = case when remaining_ucr + ? = 0 then coalesce(closed_at, ?::timestamptz) end
       where user_id = ? and id = ?`,
      [moved, now, amountUcr, now, userId, creditId],
    );
    await this.em.execute(
      `update credit_accounts set balance_ucr = balance_ucr + ?, updated_at = ? where user_id = ?`,
      [amountUcr, now, userId],
    );
    return this.post(line, now);
  }

  /** Lowers the debt by a line of a negative amount, and writes it. */
  async lowerDebt(line: NewPosting & { creditId: null }, now: Date): Promise<string> {
    await this.em.execute(`update credit_accounts set debt_ucr = debt_ucr + ?, updated_at = ? where user_id = ?`, [
      line.amountUcr,
      now,
      line.userId,
    ]);
    return this.post(line, now);
  }

  async recordReversal(userId: string, originalId: string, reversalId: string, now: Date): Promise<void> {
    await this.em.execute(
      `insert into credit_reversals (user_id, original_id, reversal_id, created_at) values (?, ?, ?, ?)`,
      [userId, originalId, reversalId, now],
    );
  }

  /** Repays open debt from what is free, as every end of a hold does: free credits and debt never stand side by side. */
  async repayDebt(userId: string, now: Date): Promise<bigint> {
    const [row] = await this.em.execute<{ repaid: string }[]>('select tollgate.repay_debt(?, ?) as repaid', [
      userId,
      now,
    ]);
    return BigInt(row?.repaid ?? 0);
  }

  private async post(line: NewPosting, now: Date): Promise<string> {
    const id = newId();
    await this.em.execute(
      `insert into credit_postings (user_id, id, credit_id, hold_id, kind, amount_ucr, actor_id, reason, created_at)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [line.userId, id, line.creditId, line.holdId, line.kind, line.amountUcr, line.actorId, line.reason, now],
    );
    return id;
  }

  private async lines(condition: string, parameters: unknown[]): Promise<PostingLine[]> {
    const query = CompiledQuery.raw(`${LINES_SQL} ${condition}`, parameters);
    const { rows } = await this.em.getKysely().executeQuery<LineRow>(query);
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      amountUcr: BigInt(row.amount_ucr),
      creditId: row.credit_id,
      source: row.source,
      holdId: row.hold_id,
      actorId: row.actor_id,
      reason: row.reason,
      createdAt: new Date(row.position),
      reverses: row.reverses,
      reversedBy: row.reversed_by,
      position: row.position,
    }));
  }
}

const LINES_SQL = `
  select p.id, p.kind, p.amount_ucr, p.credit_id, c.source, p.hold_id, p.actor_id, p.reason,
    to_char(p.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as position,
    o.original_id as reverses, r.reversal_id as reversed_by
  from credit_postings_all p
  left join credits c on c.user_id = p.user_id and c.id = p.credit_id
  left join credit_reversals o on o.user_id = p.user_id and o.reversal_id = p.id
  left join credit_reversals r on r.user_id = p.user_id and r.original_id = p.id`;

/** A period's grant ends by its close, or with its subscription; `closed_at` alone may only mean that it is exhausted. */
const GRANT_ROOM_SQL = `
  select c.remaining_ucr - c.held_ucr as free, c.held_ucr as held, coalesce(c.closed_at, c.expires_at) as ended_at,
    coalesce(c.expires_at <= ?::timestamptz, false) or c.source in ('subscription', 'proration') and (
      exists (
        select from period_closes p
        where p.user_id = c.user_id and p.subscription_id = c.subscription_id and p.period_index = c.period_index
      ) or not exists (select from subscriptions s where s.id = c.subscription_id and s.status in ('active', 'suspended'))
    ) as is_over
  from credits c where c.user_id = ? and c.id = ?`;

interface GrantRoomRow {
  free: string;
  held: string;
  ended_at: string | Date | null;
  is_over: boolean;
}

interface LineRow {
  id: string;
  kind: PostingKind;
  amount_ucr: string;
  credit_id: string | null;
  source: GrantSource | null;
  hold_id: string | null;
  actor_id: string | null;
  reason: string | null;
  position: string;
  reverses: string | null;
  reversed_by: string | null;
}
