import { EntityRepository } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import { newId } from '../common/ids.js';
import { functionCall } from '../database/function-call.js';
import type { PeriodClose } from './period-close.entity.js';

/** How one billing period ends: the terms come from the plan, which lies above this module. */
export interface CloseTerms {
  userId: string;
  subscriptionId: string;
  /** Of the period that ends. */
  periodIndex: number;
  /** The most that is carried, and the least: what is left below it is forfeited whole. */
  capUcr: bigint;
  minCarryUcr: bigint;
  /** When what is carried expires. */
  rolloverEndsAt: Date | null;
  /** The period that follows; null when the subscription ends, which carries nothing. */
  next: { index: number; startsAt: Date; endsAt: Date; /** Null: it has none. */ allowanceUcr: bigint | null } | null;
  /** When the account must be looked at again, which is when the next allowance ends. */
  nextDueAt: Date | null;
}

export interface CloseOutcome {
  userId: string;
  /** False: the period had been closed before, and nothing changed. */
  isClosed: boolean;
  leftUcr: bigint;
  carriedUcr: bigint;
  forfeitedUcr: bigint;
  repaidUcr: bigint;
}

/** The credits of billing periods. Every method that writes expects a transaction. */
export class AllowanceRepository extends EntityRepository<PeriodClose> {
  /** Ends periods, set-based and once each, with the accounts locked in key order. At most one period of a user in a call. */
  async close(terms: readonly CloseTerms[], now: Date): Promise<CloseOutcome[]> {
    const of = <T>(pick: (one: CloseTerms) => T): T[] => terms.map(pick);
    const rows = await this.call<CloseRow>(CLOSE_SQL, [
      of((t) => t.userId),
      of((t) => t.subscriptionId),
      of((t) => t.periodIndex),
      of((t) => t.capUcr),
      of((t) => t.minCarryUcr),
      of((t) => t.rolloverEndsAt),
      of((t) => t.next?.allowanceUcr ?? null),
      of((t) => t.next?.index ?? null),
      of((t) => t.next?.startsAt ?? null),
      of((t) => t.next?.endsAt ?? null),
      of((t) => t.nextDueAt),
      now,
    ]);
    return rows.map((row) => ({
      userId: row.user_id,
      isClosed: row.is_closed,
      leftUcr: BigInt(row.left_ucr),
      carriedUcr: BigInt(row.carried_ucr),
      forfeitedUcr: BigInt(row.forfeited_ucr),
      repaidUcr: BigInt(row.repaid_ucr),
    }));
  }

  /** Users after `after` with something due at `now`, in the order in which their rows are stored; those deleted are left alone. */
  async findDue(now: Date, after: string, limit: number): Promise<string[]> {
    const rows = await this.call<{ user_id: string }>(FIND_DUE_SQL, [now, after, limit]);
    return rows.map((row) => row.user_id);
  }

  /** Locks those of the accounts that are due at `now`, in key order, and answers whose. `busy` accounts are waited for or left out. */
  async lockDue(userIds: readonly string[], now: Date, busy: 'wait' | 'skip'): Promise<string[]> {
    const rows = await this.call<{ user_id: string }>(
      `select user_id from credit_accounts where user_id = any($1::uuid[]) and next_due_at <= $2::timestamptz
       order by user_id for update ${busy === 'skip' ? 'skip locked' : ''}`,
      [[...userIds], now],
    );
    return rows.map((row) => row.user_id);
  }

  async setDue(userId: string, due: { nextDueAt: Date | null; suspendedAt: Date | null }, now: Date): Promise<void> {
    await this.em.execute(
      'update credit_accounts set next_due_at = ?, suspended_at = ?, updated_at = ? where user_id = ?',
      [due.nextDueAt, due.suspendedAt, now, userId],
    );
  }

  async suspendedSince(userId: string): Promise<Date | null> {
    const [row] = await this.em.execute<{ suspended_at: string | Date | null }[]>(
      'select suspended_at from credit_accounts where user_id = ?',
      [userId],
    );
    return row?.suspended_at ? new Date(row.suspended_at) : null;
  }

  async dueOf(userIds: readonly string[], now: Date): Promise<string[]> {
    const rows = await this.call<{ user_id: string }>(
      'select user_id from credit_accounts where user_id = any($1::uuid[]) and next_due_at <= $2::timestamptz',
      [[...userIds], now],
    );
    return rows.map((row) => row.user_id);
  }

  /** What is free of each period's allowance and proration grants, in the order asked. */
  async leftOf(periods: readonly { userId: string; subscriptionId: string; periodIndex: number }[]): Promise<bigint[]> {
    const rows = await this.call<{ left_ucr: Integer }>(LEFT_SQL, [
      periods.map((one) => one.userId),
      periods.map((one) => one.subscriptionId),
      periods.map((one) => one.periodIndex),
    ]);
    return rows.map((row) => BigInt(row.left_ucr));
  }

  /**
   * Moves the end of a period's grants, of those used up as well: a refund opens them again. Who was told of another end is told of this one.
   */
  async endGrantsAt(
    period: { userId: string; subscriptionId: string; periodIndex: number },
    expiresAt: Date,
    now: Date,
  ): Promise<void> {
    await this.em.execute(
      `update credits set expires_at = ?, expiry_noticed_at = null, updated_at = ? where ${OF_PERIOD}`,
      [expiresAt, now, period.userId, period.subscriptionId, period.periodIndex],
    );
    // Those that had ended under a suspension are free again: what was owed meanwhile is paid first.
    await this.em.execute('select tollgate.repay_debt(?, ?)', [period.userId, now]);
  }

  /**
   * Takes back what a smaller allowance no longer covers, at most what is free: what is used or held stays the user's.
   * @returns what was taken. Expects the account's lock.
   */
  async takeBack(
    period: { userId: string; subscriptionId: string; periodIndex: number },
    taking: { amountUcr: bigint; reason: string; actorId: string | null },
    now: Date,
  ): Promise<bigint> {
    const { userId } = period;
    const grants = await this.em.execute<{ id: string; free: string }[]>(
      `select id, remaining_ucr - held_ucr as free from credits where ${OF_PERIOD} and closed_at is null order by created_at desc, id desc`,
      [userId, period.subscriptionId, period.periodIndex],
    );
    let rest = taking.amountUcr;
    for (const { id, free } of grants) {
      const part = BigInt(free) < rest ? BigInt(free) : rest;
      if (part <= 0n) continue;
      rest -= part;
      await this.em.execute(
        `update credits set expired_ucr = expired_ucr + ?, updated_at = ?, closed_at = case when remaining_ucr = ? then ?::timestamptz end
         where user_id = ? and id = ?`,
        [part, now, part, now, userId, id],
      );
      await this.em.execute(
        `insert into credit_postings (user_id, id, credit_id, kind, amount_ucr, actor_id, reason, created_at)
         values (?, ?, ?, 'adjustment', ?, ?, ?, ?)`,
        [userId, newId(), id, -part, taking.actorId, taking.reason, now],
      );
    }
    const taken = taking.amountUcr - rest;
    await this.em.execute(
      'update credit_accounts set balance_ucr = balance_ucr - ?, updated_at = ? where user_id = ?',
      [taken, now, userId],
    );
    return taken;
  }

  private async call<Row>(text: string, parameters: unknown[]): Promise<Row[]> {
    const result = await this.em.getKysely().executeQuery<Row>(CompiledQuery.raw(text, parameters));
    return result.rows;
  }
}

const OF_PERIOD = `user_id = ? and subscription_id = ? and period_index = ? and source in ('subscription', 'proration')`;

const CLOSE_SQL = functionCall('close_periods', 12);

const FIND_DUE_SQL = `
  select a.user_id from credit_accounts a join users u on u.id = a.user_id
  where a.next_due_at <= $1::timestamptz and a.user_id > $2::uuid and u.deleted_at is null
  order by a.user_id limit $3`;

const LEFT_SQL = `
  select coalesce(l.left_ucr, 0) as left_ucr
  from unnest($1::uuid[], $2::uuid[], $3::integer[]) with ordinality as r(user_id, subscription_id, period_index, ord)
  cross join lateral (
    select sum(c.remaining_ucr - c.held_ucr)::bigint as left_ucr from credits c
    where c.user_id = r.user_id and c.closed_at is null and c.subscription_id = r.subscription_id and c.period_index = r.period_index
      and c.source in ('subscription', 'proration')
  ) l order by r.ord`;

type Integer = string | number | bigint;

interface CloseRow {
  user_id: string;
  is_closed: boolean;
  left_ucr: Integer;
  carried_ucr: Integer;
  forfeited_ucr: Integer;
  repaid_ucr: Integer;
}
