import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { CompiledQuery } from 'kysely';
import { pageOf } from '../common/http/paging.js';
import { UserNotFoundError } from './credits.errors.js';
import type { GrantSource } from './grant.entity.js';
import type { HoldState } from './hold.entity.js';
import type { RowPosition } from '../common/http/page-position.js';
import { type PostingFilter, type PostingLine, PostingRepository } from './posting.repository.js';

/** Ended: exhausted, expired, closed with its period, or reversed. */
export const GRANT_STATES = ['open', 'ended'] as const;
export type GrantState = (typeof GRANT_STATES)[number];

export interface LimitWindow {
  /** When it began. */
  at: Date;
  requestCount: number;
  tokenCount: bigint;
}

export interface AccountRecord {
  balanceUcr: bigint;
  availableUcr: bigint;
  heldUcr: bigint;
  debtUcr: bigint;
  pendingCount: number;
  nextDueAt: Date | null;
  suspendedAt: Date | null;
  /** Counted for the limits of the tier; a window that is past counts nothing. */
  windows: { minute: LimitWindow; day: LimitWindow; month: LimitWindow };
}

export interface GrantRecord {
  userId: string;
  id: string;
  source: GrantSource;
  grantKey: string;
  subscriptionId: string | null;
  periodIndex: number | null;
  totalUcr: bigint;
  usedUcr: bigint;
  expiredUcr: bigint;
  heldUcr: bigint;
  remainingUcr: bigint;
  effectiveAt: Date;
  expiresAt: Date | null;
  closedAt: Date | null;
  state: GrantState;
  reason: string | null;
  grantedBy: string | null;
  createdAt: Date;
}

export interface HoldRecord {
  userId: string;
  id: string;
  state: HoldState;
  modelId: string;
  amountUcr: bigint;
  costUcr: bigint | null;
  newDebtUcr: bigint;
  createdAt: Date;
  expiresAt: Date;
  endedAt: Date | null;
}

export interface Page<Row> {
  rows: Row[];
  /** Where the next page begins. */
  next: string | null;
}

export interface GrantFilter {
  userId: string | null;
  source: GrantSource | null;
  state: GrantState | null;
  after: RowPosition | null;
  limit: number;
}

export interface HoldFilter {
  userId: string | null;
  state: HoldState | null;
  /** Held before this instant. */
  olderThan: Date | null;
  after: RowPosition | null;
  limit: number;
}

/** What operators, and users of their own, read of the books. Nothing here writes. */
@Injectable()
export class AccountRecords {
  constructor(
    private readonly em: EntityManager,
    private readonly postings: PostingRepository,
  ) {}

  /** A user's account as stored; null for a user who has none yet. @throws UserNotFoundError */
  async account(userId: string, now: Date): Promise<AccountRecord | null> {
    await this.mustKnow(userId);
    const [row] = await this.read<AccountRow>(ACCOUNT_SQL, [userId, now]);
    return row ? toAccount(row) : null;
  }

  /** Postings, newest first. @throws UserNotFoundError */
  async history(userId: string, filter: PostingFilter): Promise<Page<PostingLine>> {
    await this.mustKnow(userId);
    const rows = await this.postings.findPage(userId, { ...filter, limit: filter.limit + 1 });
    return pageOf(rows, filter.limit, ({ position, id }) => `${position}/${id}`);
  }

  /** Grants by user, the youngest user and each user's newest first. */
  async grants(filter: GrantFilter, now: Date): Promise<Page<GrantRecord>> {
    const { userId, source, state, after, limit } = filter;
    const parameters = [now, userId, source, state, after?.userId ?? null, after?.id ?? null, limit + 1];
    const rows = await this.read<GrantRow>(GRANTS_SQL, parameters);
    return pageOf(rows.map(toGrant), limit, positionOf);
  }

  /** Holds by user, the youngest user and each user's newest first. */
  async holds(filter: HoldFilter): Promise<Page<HoldRecord>> {
    const { userId, state, olderThan, after, limit } = filter;
    const parameters = [userId, olderThan, after?.userId ?? null, after?.id ?? null, limit + 1];
    const rows = await (state === 'pending'
      ? this.read<HoldRow>(PENDING_HOLDS_SQL, parameters)
      : this.read<HoldRow>(HOLDS_SQL, [...parameters, state]));
    return pageOf(rows.map(toHold), limit, positionOf);
  }

  async hold(userId: string, id: string): Promise<HoldRecord | undefined> {
    const [row] = await this.read<HoldRow>(`${HOLD_COLUMNS} where h.user_id = $1 and h.id = $2`, [userId, id]);
    return row && toHold(row);
  }

  /** Books outlive their user: deleted ones are known too. */
  private async mustKnow(userId: string): Promise<void> {
    const known = await this.read('select 1 from users where id = $1', [userId]);
    if (known.length === 0) throw new UserNotFoundError(userId);
  }

  private async read<Row>(text: string, parameters: unknown[]): Promise<Row[]> {
    return (await this.em.fork().getKysely().executeQuery<Row>(CompiledQuery.raw(text, parameters))).rows;
  }
}

const ACCOUNT_SQL = `
  select a.*, tollgate.available(a.user_id, $2::timestamptz) as available_ucr,
    a.minute_at >= date_trunc('minute', $2::timestamptz, 'UTC') as is_minute, a.day_at >= date_trunc('day', $2::timestamptz, 'UTC') as is_day,
    a.month_at >= date_trunc('month', $2::timestamptz, 'UTC') as is_month,
    date_trunc('minute', $2::timestamptz, 'UTC') as this_minute, date_trunc('day', $2::timestamptz, 'UTC') as this_day,
    date_trunc('month', $2::timestamptz, 'UTC') as this_month
  from credit_accounts a where a.user_id = $1`;

/** Pages continue where the one before ended in the index of the key, not by reading what lies before. */
const GRANTS_SQL = `
  select g.* from (
    select c.*, case when c.closed_at is null and (c.expires_at is null or c.expires_at > $1::timestamptz) then 'open' else 'ended' end as state
    from credits c
  ) g
  where ($2::uuid is null or g.user_id = $2) and ($3::credit_source is null or g.source = $3) and ($4::text is null or g.state = $4)
    and ($5::uuid is null or g.user_id <= $5 and (g.user_id < $5 or (g.created_at, g.id) < (
      select x.created_at, x.id from credits x where x.user_id = $5 and x.id = $6::uuid
    )))
  order by g.user_id desc, g.created_at desc, g.id desc limit $7`;

const HOLD_COLUMNS = `
  select h.user_id, h.id, h.state, h.model_id, h.amount_ucr, h.cost_ucr, h.new_debt_ucr, h.created_at, h.expires_at, h.ended_at
  from credit_holds h`;

const HOLD_FILTERS = `($1::uuid is null or h.user_id = $1) and ($2::timestamptz is null or h.created_at < $2)
    and ($3::uuid is null or (h.user_id, h.id) < ($3, $4::uuid))`;

const HOLDS_SQL = `${HOLD_COLUMNS}
  where ${HOLD_FILTERS} and ($6::hold_state is null or h.state = $6) order by h.user_id desc, h.id desc limit $5`;

/** An account counts its pending holds: all others are not looked through, nor a user's older holds once as many are found. */
const PENDING_HOLDS_SQL = `
  select h.* from credit_accounts a
  cross join lateral (
    ${HOLD_COLUMNS} where h.user_id = a.user_id and h.state = 'pending' order by h.id desc limit a.pending_count
  ) h
  where a.pending_count > 0 and ($1::uuid is null or a.user_id = $1) and ${HOLD_FILTERS} order by h.user_id desc, h.id desc limit $5`;

type Instant = string | Date;

interface AccountRow {
  balance_ucr: string;
  available_ucr: string;
  held_ucr: string;
  debt_ucr: string;
  pending_count: number;
  next_due_at: Instant | null;
  suspended_at: Instant | null;
  is_minute: boolean;
  is_day: boolean;
  is_month: boolean;
  this_minute: Instant;
  this_day: Instant;
  this_month: Instant;
  minute_requests: number;
  minute_tokens: string;
  day_requests: number;
  day_tokens: string;
  month_requests: number;
  month_tokens: string;
}

interface GrantRow {
  user_id: string;
  id: string;
  source: GrantSource;
  grant_key: string;
  subscription_id: string | null;
  period_index: number | null;
  total_ucr: string;
  used_ucr: string;
  expired_ucr: string;
  held_ucr: string;
  remaining_ucr: string;
  effective_at: Instant;
  expires_at: Instant | null;
  closed_at: Instant | null;
  state: GrantState;
  reason: string | null;
  granted_by: string | null;
  created_at: Instant;
}

interface HoldRow {
  user_id: string;
  id: string;
  state: HoldState;
  model_id: string;
  amount_ucr: string;
  cost_ucr: string | null;
  new_debt_ucr: string;
  created_at: Instant;
  expires_at: Instant;
  ended_at: Instant | null;
}

function toAccount(row: AccountRow): AccountRecord {
  const window = (isCurrent: boolean, at: Instant, requests: number, tokens: string): LimitWindow => ({
    at: new Date(at),
    requestCount: isCurrent ? requests : 0,
    tokenCount: isCurrent ? BigInt(tokens) : 0n,
  });
  return {
    balanceUcr: BigInt(row.balance_ucr),
    availableUcr: BigInt(row.available_ucr),
    heldUcr: BigInt(row.held_ucr),
    debtUcr: BigInt(row.debt_ucr),
    pendingCount: row.pending_count,
    nextDueAt: instant(row.next_due_at),
    suspendedAt: instant(row.suspended_at),
    windows: {
      minute: window(row.is_minute, row.this_minute, row.minute_requests, row.minute_tokens),
      day: window(row.is_day, row.this_day, row.day_requests, row.day_tokens),
      month: window(row.is_month, row.this_month, row.month_requests, row.month_tokens),
    },
  };
}

function toGrant(row: GrantRow): GrantRecord {
  return {
    userId: row.user_id,
    id: row.id,
    source: row.source,
    grantKey: row.grant_key,
    subscriptionId: row.subscription_id,
    periodIndex: row.period_index,
    totalUcr: BigInt(row.total_ucr),
    usedUcr: BigInt(row.used_ucr),
    expiredUcr: BigInt(row.expired_ucr),
    heldUcr: BigInt(row.held_ucr),
    remainingUcr: BigInt(row.remaining_ucr),
    effectiveAt: new Date(row.effective_at),
    expiresAt: instant(row.expires_at),
    closedAt: instant(row.closed_at),
    state: row.state,
    reason: row.reason,
    grantedBy: row.granted_by,
    createdAt: new Date(row.created_at),
  };
}

function toHold(row: HoldRow): HoldRecord {
  return {
    userId: row.user_id,
    id: row.id,
    state: row.state,
    modelId: row.model_id,
    amountUcr: BigInt(row.amount_ucr),
    costUcr: row.cost_ucr === null ? null : BigInt(row.cost_ucr),
    newDebtUcr: BigInt(row.new_debt_ucr),
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
    endedAt: instant(row.ended_at),
  };
}

function instant(value: Instant | null): Date | null {
  return value === null ? null : new Date(value);
}

function positionOf({ userId, id }: { userId: string; id: string }): string {
  return `${userId}/${id}`;
}
