import { EntityRepository } from '@mikro-orm/postgresql';
import { CompiledQuery } from 'kysely';
import { arrayOf, type Plain } from '../database/array-parameter.js';
import { functionCall } from '../database/function-call.js';
import { type CountedUse, type LimitName, type RequestLimits, toCountedUse } from './domain/request-limits.js';
import type { Hold, HoldState } from './hold.entity.js';
import { type ChargedAttempt, settleParameters, SETTLE_SQL } from './settle-call.js';

export type { RequestLimits };

/** A client's own key of one route, with the hash of the body it came with. */
export interface IdempotencyClaim {
  route: string;
  key: string;
  requestHash: Buffer;
}

export interface ReserveMember {
  id: string;
  userId: string;
  accessId: string;
  modelId: string;
  modelVersionNo: number;
  amountUcr: bigint;
  boundTokens: number;
  expiresAt: Date;
  limits: RequestLimits;
  /** Whether its work waits for its turn: then it is no concurrent request yet. */
  isWaiting?: boolean;
  idempotency?: IdempotencyClaim;
}

export type ReserveOutcome =
  | 'held'
  | 'no_account'
  | 'repeat'
  | 'account_suspended'
  | 'access_revoked'
  | 'subscription_inactive'
  | 'period_due'
  | 'limited'
  | 'debt_outstanding'
  | 'insufficient'
  | 'conflict'
  | 'replay'
  | 'in_progress';

export interface ReserveResult {
  id: string;
  outcome: ReserveOutcome;
  availableUcr: bigint;
  heldUcr: bigint;
  debtUcr: bigint;
  nextGrantAt: Date | null;
  limit: { name: LimitName; value: bigint; remaining: bigint; resetAt: Date | null } | null;
  /** The request that has the idempotency key. */
  claimedBy: string | null;
  /** Null where there is no account. */
  used: CountedUse | null;
}

/** The answer that is stored for an idempotency key. */
export interface StoredAnswer {
  status: number;
  headers: Record<string, string>;
  /** Null where it was too large to be kept. */
  bodySealed: Buffer | null;
}

export interface SettleMember {
  id: string;
  userId: string;
  state: 'settled' | 'voided' | 'expired';
  attempts: readonly ChargedAttempt[];
  /** What the request knows of its hold: enough to put back one that a database crash lost. */
  hold: (Omit<ReserveMember, 'id' | 'userId' | 'limits' | 'idempotency'> & { heldAt: Date }) | null;
  idempotency?: IdempotencyClaim & { answer: StoredAnswer };
}

export interface SettleResult {
  id: string;
  /** `repeat`: the hold had ended before, and this is how; `unknown`: there is no such hold. */
  outcome: 'done' | 'repeat' | 'unknown';
  state: HoldState | null;
  costUcr: bigint;
  newDebtUcr: bigint;
  availableUcr: bigint;
}

export interface ExtendMember {
  id: string;
  userId: string;
  expiresAt: Date;
}

export interface WaitingMember {
  id: string;
  userId: string;
  isWaiting: boolean;
}

export interface ExpiredHold {
  id: string;
  userId: string;
  modelId: string;
  amountUcr: bigint;
  createdAt: Date;
}

/** Holds, through the functions in the database that alone reserve and settle. */
export class HoldRepository extends EntityRepository<Hold> {
  /**
   * One round trip; the outcome equals that of the members one after the other. A refused member changes nothing. `wallNow` is the time by
   * which sign-ins and API keys expire.
   */
  async reserve(members: readonly ReserveMember[], now: Date, wallNow: Date = now): Promise<ReserveResult[]> {
    const texts = <T>(pick: (member: ReserveMember) => T): T[] => members.map(pick);
    const of = (pick: (member: ReserveMember) => Plain): string => arrayOf(members.map(pick));
    const hasKeys = members.some((member) => member.idempotency);
    const rows = await this.call<ReserveRow>(RESERVE_SQL, [
      of((m) => m.id),
      of((m) => m.userId),
      of((m) => m.accessId),
      texts((m) => m.modelId),
      of((m) => m.modelVersionNo),
      of((m) => m.amountUcr),
      of((m) => m.boundTokens),
      of((m) => m.expiresAt),
      of((m) => m.limits.concurrentRequests),
      of((m) => m.limits.requestsPerMinute),
      of((m) => m.limits.tokensPerMinute),
      of((m) => m.limits.requestsPerDay),
      of((m) => m.limits.tokensPerDay),
      of((m) => m.limits.requestsPerMonth),
      of((m) => m.limits.tokensPerMonth),
      now,
      hasKeys ? texts((m) => m.idempotency?.route ?? null) : null,
      hasKeys ? texts((m) => m.idempotency?.key ?? null) : null,
      hasKeys ? texts((m) => m.idempotency?.requestHash ?? null) : null,
      wallNow,
      members.some((member) => member.isWaiting) ? texts((m) => m.isWaiting ?? false) : null,
    ]);
    return rows.map(toReserveResult);
  }

  /** Ends holds, charges their attempts and writes the usage ledger, all or nothing. A second call answers what the first one did. */
  async settle(members: readonly SettleMember[], now: Date): Promise<SettleResult[]> {
    const rows = await this.call<SettleRow>(SETTLE_SQL, settleParameters(members, now));
    return rows.map((row) => ({
      id: row.id,
      outcome: row.outcome,
      state: row.state,
      costUcr: BigInt(row.cost_ucr ?? 0),
      newDebtUcr: BigInt(row.new_debt_ucr ?? 0),
      availableUcr: BigInt(row.available_ucr),
    }));
  }

  /**
   * Moves the end of pending holds forward. Rows that someone has are passed by, for whoever has one is ending it: so this statement waits for
   * nobody, and the account stays the first lock that anyone waits for.
   */
  async extend(members: readonly ExtendMember[], now: Date): Promise<boolean[]> {
    const of = (pick: (member: ExtendMember) => Plain): string => arrayOf(members.map(pick));
    const rows = await this.call<{ id: string }>(EXTEND_SQL, [
      of((m) => m.userId),
      of((m) => m.id),
      of((m) => m.expiresAt),
      now,
    ]);
    const extended = new Set(rows.map(({ id }) => id));
    return members.map(({ id }) => extended.has(id));
  }

  /** Marks pending holds as those of work that waits, or is under way now. As `extend`, it passes by rows that someone has. */
  async markWaiting(members: readonly WaitingMember[], now: Date): Promise<void> {
    const of = (pick: (member: WaitingMember) => Plain): string => arrayOf(members.map(pick));
    const marks = members.map(({ isWaiting }) => isWaiting);
    await this.call(MARK_WAITING_SQL, [of((m) => m.userId), of((m) => m.id), marks, now]);
  }

  /** How many pending holds of the user are for work that waits. */
  async countWaiting(userId: string): Promise<number> {
    const [row] = await this.call<{ count: number }>(COUNT_WAITING_SQL, [userId]);
    return row?.count ?? 0;
  }

  /**
   * Pending holds that expired in `(since, now]`, with their accounts locked in this transaction. Accounts that are busy are left for the
   * next sweep: whoever has them may be settling. `since` bounds what is read of the index.
   */
  async lockExpired(since: Date, now: Date, limit: number): Promise<ExpiredHold[]> {
    const rows = await this.call<ExpiredRow>(LOCK_EXPIRED_SQL, [since, now, limit]);
    return rows.map((row) => ({
      id: row.id,
      userId: row.user_id,
      modelId: row.model_id,
      amountUcr: BigInt(row.amount_ucr),
      createdAt: new Date(row.created_at),
    }));
  }

  /** When the first of the pending holds that expired in `(since, now]` did; null when there is none. Takes no lock. */
  async oldestExpired(since: Date, now: Date): Promise<Date | null> {
    const [row] = await this.call<{ oldest: string | Date | null }>(OLDEST_EXPIRED_SQL, [since, now]);
    return row?.oldest ? new Date(row.oldest) : null;
  }

  private async call<Row>(text: string, parameters: unknown[]): Promise<Row[]> {
    const result = await this.em.getKysely().executeQuery<Row>(CompiledQuery.raw(text, parameters));
    return result.rows;
  }
}

const RESERVE_SQL = functionCall('reserve_batch', 21);

const EXTEND_SQL = `
  update credit_holds h set expires_at = greatest(h.expires_at, x.expires_at), updated_at = $4::timestamptz
  from (
    select t.user_id, t.id, r.expires_at
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as r(user_id, id, expires_at)
    join credit_holds t on t.user_id = r.user_id and t.id = r.id
    where t.state = 'pending'
    for no key update of t skip locked
  ) x
  where h.user_id = x.user_id and h.id = x.id
  returning h.id`;

const MARK_WAITING_SQL = `
  update credit_holds h set is_waiting = x.is_waiting, updated_at = $4::timestamptz
  from (
    select t.user_id, t.id, r.is_waiting
    from unnest($1::uuid[], $2::uuid[], $3::boolean[]) as r(user_id, id, is_waiting)
    join credit_holds t on t.user_id = r.user_id and t.id = r.id
    where t.state = 'pending' and t.is_waiting <> r.is_waiting
    for no key update of t skip locked
  ) x
  where h.user_id = x.user_id and h.id = x.id`;

const COUNT_WAITING_SQL = `select count(*)::integer as count from credit_holds where user_id = $1 and is_waiting and state = 'pending'`;

const LOCK_EXPIRED_SQL = `
  select h.id, h.user_id, h.model_id, h.amount_ucr, h.created_at
  from credit_holds h join credit_accounts a on a.user_id = h.user_id
  where h.state = 'pending' and h.expires_at > $1::timestamptz and h.expires_at <= $2::timestamptz
  order by h.user_id, h.id
  limit $3
  for update of a skip locked`;

const OLDEST_EXPIRED_SQL = `
  select min(h.expires_at) as oldest from credit_holds h
  where h.state = 'pending' and h.expires_at > $1::timestamptz and h.expires_at <= $2::timestamptz`;

type Integer = string | number | bigint;

interface ReserveRow {
  id: string;
  outcome: ReserveOutcome;
  available_ucr: Integer | null;
  held_ucr: Integer | null;
  debt_ucr: Integer | null;
  next_grant_at: string | Date | null;
  limit_name: LimitName | null;
  limit_value: Integer | null;
  limit_remaining: Integer | null;
  reset_at: string | Date | null;
  claimed_by: string | null;
  used: (Integer | null)[];
}

interface SettleRow {
  id: string;
  outcome: SettleResult['outcome'];
  state: HoldState | null;
  cost_ucr: Integer | null;
  new_debt_ucr: Integer | null;
  available_ucr: Integer;
}

interface ExpiredRow {
  id: string;
  user_id: string;
  model_id: string;
  amount_ucr: Integer;
  created_at: string | Date;
}

function toReserveResult(row: ReserveRow): ReserveResult {
  return {
    id: row.id,
    outcome: row.outcome,
    availableUcr: BigInt(row.available_ucr ?? 0),
    heldUcr: BigInt(row.held_ucr ?? 0),
    debtUcr: BigInt(row.debt_ucr ?? 0),
    nextGrantAt: row.next_grant_at === null ? null : new Date(row.next_grant_at),
    limit:
      row.limit_name === null
        ? null
        : {
            name: row.limit_name,
            value: BigInt(row.limit_value ?? 0),
            remaining: BigInt(row.limit_remaining ?? 0),
            resetAt: row.reset_at === null ? null : new Date(row.reset_at),
          },
    claimedBy: row.claimed_by,
    used: toCountedUse(row.used),
  };
}
