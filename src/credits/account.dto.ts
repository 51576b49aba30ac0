import { ApiProperty } from '@nestjs/swagger';
import { formatCredits } from '../common/domain/micro-credits.js';
import { encodeCursor } from '../common/http/paging.js';
import {
  type AccountRecord,
  GRANT_STATES,
  type GrantRecord,
  type GrantState,
  type HoldRecord,
  type LimitWindow,
  type Page,
} from './account-records.service.js';
import { GRANT_SOURCES, type GrantSource } from './grant.entity.js';
import { HOLD_STATES, type HoldState } from './hold.entity.js';
import { AdminPostingView, CREDITS, PostingView } from './posting.dto.js';

const NULLABLE_TIME = { type: String, format: 'date-time', nullable: true } as const;
const NULLABLE_ID = { type: String, format: 'uuid', nullable: true } as const;
const CURSOR = { type: String, nullable: true, description: 'Null on the last page' } as const;

export class PostingPage {
  @ApiProperty({ type: [PostingView] })
  data!: PostingView[];

  @ApiProperty(CURSOR)
  nextCursor!: string | null;
}

export class AdminPostingPage {
  @ApiProperty({ type: [AdminPostingView] })
  data!: AdminPostingView[];

  @ApiProperty(CURSOR)
  nextCursor!: string | null;
}

export class AdminGrantView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'uuid' })
  userId!: string;

  @ApiProperty({ enum: GRANT_STATES })
  state!: GrantState;

  @ApiProperty({ enum: GRANT_SOURCES })
  source!: GrantSource;

  @ApiProperty({ example: 'purchase:pay_8Fj2', description: 'What it was given for: once per user' })
  grantKey!: string;

  @ApiProperty(NULLABLE_ID)
  subscriptionId!: string | null;

  @ApiProperty({ type: Number, nullable: true })
  periodIndex!: number | null;

  @ApiProperty(CREDITS)
  total!: string;

  @ApiProperty({ ...CREDITS, description: 'Burned, or spent on debt' })
  used!: string;

  @ApiProperty({ ...CREDITS, description: 'Left unused: expired, carried over, forfeited or taken back' })
  expired!: string;

  @ApiProperty({ ...CREDITS, description: 'What is left, held credits included' })
  remaining!: string;

  @ApiProperty(CREDITS)
  held!: string;

  @ApiProperty({ format: 'date-time' })
  effectiveAt!: string;

  @ApiProperty(NULLABLE_TIME)
  expiresAt!: string | null;

  @ApiProperty(NULLABLE_TIME)
  closedAt!: string | null;

  @ApiProperty({ type: String, nullable: true })
  reason!: string | null;

  @ApiProperty({ ...NULLABLE_ID, description: 'The operator who gave it' })
  grantedBy!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;
}

export class AdminGrantPage {
  @ApiProperty({ type: [AdminGrantView] })
  data!: AdminGrantView[];

  @ApiProperty(CURSOR)
  nextCursor!: string | null;
}

export class HoldView {
  @ApiProperty({ format: 'uuid', description: 'The request that it was taken for' })
  id!: string;

  @ApiProperty({ format: 'uuid' })
  userId!: string;

  @ApiProperty({ enum: HOLD_STATES })
  state!: HoldState;

  @ApiProperty()
  model!: string;

  @ApiProperty(CREDITS)
  amount!: string;

  @ApiProperty({ ...CREDITS, type: String, nullable: true, description: 'What the request cost; null while it runs' })
  cost!: string | null;

  @ApiProperty({ ...CREDITS, description: 'The part of the cost that became debt' })
  newDebt!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  expiresAt!: string;

  @ApiProperty(NULLABLE_TIME)
  endedAt!: string | null;
}

export class HoldPage {
  @ApiProperty({ type: [HoldView] })
  data!: HoldView[];

  @ApiProperty(CURSOR)
  nextCursor!: string | null;
}

export class LimitWindowView {
  @ApiProperty({ format: 'date-time', description: 'When it began' })
  at!: string;

  @ApiProperty()
  requests!: number;

  @ApiProperty()
  tokens!: number;
}

export class LimitWindowsView {
  @ApiProperty()
  minute!: LimitWindowView;

  @ApiProperty()
  day!: LimitWindowView;

  @ApiProperty()
  month!: LimitWindowView;
}

/** An account as operators see it. A user without an account yet has zeros and no windows. */
export class AccountView {
  @ApiProperty({ format: 'uuid' })
  userId!: string;

  @ApiProperty({ ...CREDITS, description: 'What can be spent now' })
  available!: string;

  @ApiProperty({ ...CREDITS, description: 'Left in all grants, held ones and those of the future included' })
  balance!: string;

  @ApiProperty(CREDITS)
  held!: string;

  @ApiProperty(CREDITS)
  debt!: string;

  @ApiProperty({ ...NULLABLE_TIME, description: 'When the period ends that is not closed yet' })
  nextDueAt!: string | null;

  @ApiProperty(NULLABLE_TIME)
  suspendedAt!: string | null;

  @ApiProperty({ type: LimitWindowsView, nullable: true, description: 'What counts against the limits of the tier' })
  windows!: LimitWindowsView | null;

  @ApiProperty({ description: 'Requests under way' })
  pendingCount!: number;

  @ApiProperty({ type: [HoldView], description: 'The newest 200; GET /admin/credits/holds lists all' })
  pendingHolds!: HoldView[];

  @ApiProperty({ type: AdminGrantPage, description: 'Newest first, paged by limit, cursor and state' })
  grants!: AdminGrantPage;
}

export function toGrantPage({ rows, next }: Page<GrantRecord>): AdminGrantPage {
  return { data: rows.map(toAdminGrantView), nextCursor: encodeCursor(next) };
}

export function toHoldPage({ rows, next }: Page<HoldRecord>): HoldPage {
  return { data: rows.map(toHoldView), nextCursor: encodeCursor(next) };
}

export function toHoldView(hold: HoldRecord): HoldView {
  return {
    id: hold.id,
    userId: hold.userId,
    state: hold.state,
    model: hold.modelId,
    amount: formatCredits(hold.amountUcr),
    cost: hold.costUcr === null ? null : formatCredits(hold.costUcr),
    newDebt: formatCredits(hold.newDebtUcr),
    createdAt: hold.createdAt.toISOString(),
    expiresAt: hold.expiresAt.toISOString(),
    endedAt: hold.endedAt?.toISOString() ?? null,
  };
}

export function toAccountView(
  userId: string,
  account: AccountRecord | null,
  parts: { pendingHolds: HoldRecord[]; grants: Page<GrantRecord> },
): AccountView {
  return {
    userId,
    available: formatCredits(account?.availableUcr ?? 0n),
    balance: formatCredits(account?.balanceUcr ?? 0n),
    held: formatCredits(account?.heldUcr ?? 0n),
    debt: formatCredits(account?.debtUcr ?? 0n),
    nextDueAt: account?.nextDueAt?.toISOString() ?? null,
    suspendedAt: account?.suspendedAt?.toISOString() ?? null,
    windows: account && {
      minute: toWindow(account.windows.minute),
      day: toWindow(account.windows.day),
      month: toWindow(account.windows.month),
    },
    pendingCount: account?.pendingCount ?? 0,
    pendingHolds: parts.pendingHolds.map(toHoldView),
    grants: toGrantPage(parts.grants),
  };
}

function toAdminGrantView(grant: GrantRecord): AdminGrantView {
  return {
    id: grant.id,
    userId: grant.userId,
    state: grant.state,
    source: grant.source,
    grantKey: grant.grantKey,
    subscriptionId: grant.subscriptionId,
    periodIndex: grant.periodIndex,
    total: formatCredits(grant.totalUcr),
    used: formatCredits(grant.usedUcr),
    expired: formatCredits(grant.expiredUcr),
    remaining: formatCredits(grant.remainingUcr),
    held: formatCredits(grant.heldUcr),
    effectiveAt: grant.effectiveAt.toISOString(),
    expiresAt: grant.expiresAt?.toISOString() ?? null,
    closedAt: grant.closedAt?.toISOString() ?? null,
    reason: grant.reason,
    grantedBy: grant.grantedBy,
    createdAt: grant.createdAt.toISOString(),
  };
}

function toWindow({ at, requestCount, tokenCount }: LimitWindow): LimitWindowView {
  return { at: at.toISOString(), requests: requestCount, tokens: Number(tokenCount) };
}
