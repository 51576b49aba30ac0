import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { InvalidRequestError } from '../common/errors/common.errors.js';
import { IdempotencyMismatchError, UserNotFoundError } from './credits.errors.js';
import { exhaustionAt, FORECAST_WINDOW_MS, type FreeCredits } from './domain/exhaustion.js';
import type { Grant, GrantSource } from './grant.entity.js';
import { type EndingCredits, GrantRepository, type NewGrant } from './grant.repository.js';

/** How far ahead a balance tells what will be lost. */
const EXPIRING_WITHIN_MS = 7 * 86_400_000;

/** Registered by the module above that knows plans. */
export interface AccountKeeper {
  /** Brings an account up to `now`: opens what a user has by right, closes periods that are due. */
  keepUp(userId: string, now: Date): Promise<void>;
  /** Whether credits come when the present period ends. */
  hasAllowanceToCome(userId: string, now: Date): Promise<boolean>;
}

export interface CreditBalance {
  /** `Σ (remaining − held)` of active grants, less the debt. */
  availableUcr: bigint;
  heldUcr: bigint;
  debtUcr: bigint;
  /** `Σ remaining` of active grants, what is held included. */
  balanceUcr: bigint;
  grants: Grant[];
  /** What will be lost within 7 days unless it is used. */
  expiring: EndingCredits[];
  nextGrantAt: Date | null;
  exhaustionAt: Date | null;
}

export interface AdminGrant {
  userId: string;
  amountUcr: bigint;
  source: Extract<GrantSource, 'promo' | 'purchase' | 'adjustment'>;
  reason: string | null;
  expiresAt: Date | null;
  grantedBy: string;
  idempotencyKey: string;
  /** Of a purchase: it gives once for ever, whatever the key. */
  paymentId?: string | undefined;
}

/** Accounts and grants: what users have, and how they get it. What they spend goes through `MeteringService`. */
@Injectable()
export class CreditsService {
  private keeper: AccountKeeper = {
    keepUp: () => Promise.resolve(),
    hasAllowanceToCome: () => Promise.resolve(true),
  };

  constructor(
    private readonly em: EntityManager,
    private readonly grants: GrantRepository,
  ) {}

  /** Names what brings an account up to date before it is read. */
  keepAccountsWith(keeper: AccountKeeper): void {
    this.keeper = keeper;
  }

  /**
   * Closes what has come due of an account, unless its user was deleted, as the next request of its user would: what follows meets the books as they are at `now`. Before a
   * transaction begins, for it reads plans.
   */
  async keepUp(userId: string, now: Date): Promise<void> {
    const account = await this.grants.findAccount(userId);
    if (!account?.nextDueAt || account.nextDueAt > now) return;
    if (await this.grants.hasUser(userId)) await this.keeper.keepUp(userId, now);
  }

  /** What the user has at `now`. Grants count while they are active, whether or not a job has run. */
  async balance(userId: string, now: Date): Promise<CreditBalance> {
    let account = await this.grants.findAccount(userId);
    // An account without a period end was opened by an operator's grant, before the user's plan began.
    if (!account?.nextDueAt || account.nextDueAt <= now) {
      await this.keeper.keepUp(userId, now);
      account = await this.grants.findAccount(userId);
    }
    const open = await this.grants.findOpen(userId, now);
    const active = open.filter((grant) => grant.effectiveAt <= now);
    const balanceUcr = sum(active.map((grant) => grant.remainingUcr ?? 0n));
    const debtUcr = account?.debtUcr ?? 0n;
    const availableUcr = balanceUcr - sum(active.map((grant) => grant.heldUcr)) - debtUcr;
    const starts = open.filter((grant) => grant.effectiveAt > now).map((grant) => grant.effectiveAt);
    const dueAt = account?.nextDueAt ?? null;
    if (dueAt && (await this.keeper.hasAllowanceToCome(userId, now))) starts.push(dueAt);
    const used = await this.grants.usedSince(userId, new Date(now.getTime() - FORECAST_WINDOW_MS));
    return {
      availableUcr,
      heldUcr: account?.heldUcr ?? 0n,
      debtUcr,
      balanceUcr,
      grants: open,
      expiring: await this.grants.findEnding(userId, new Date(now.getTime() + EXPIRING_WITHIN_MS), now),
      nextGrantAt: earliest(starts),
      exhaustionAt: exhaustionAt(active.map(freeOf), { debtUcr, usedInWindowUcr: used }, now),
    };
  }

  /** Opens the account, or moves its next period end. Joins the caller's transaction. */
  async openAccount(userId: string, nextDueAt: Date | null, now: Date): Promise<void> {
    await this.grants.openAccount(userId, nextDueAt, now);
  }

  /** Gives credits once per key, open debt first. Joins the caller's transaction. Returns whether the key was new. */
  async give(grant: NewGrant, now: Date): Promise<boolean> {
    const account = await this.grants.lockAccount(grant.userId);
    if (!account) throw new Error(`user ${grant.userId} has no credit account`);
    return (await this.grants.give(grant, account.debtUcr, now)) !== null;
  }

  /** Takes the account's lock, and tells whether there is an account. Joins the caller's transaction. */
  async lockAccount(userId: string): Promise<boolean> {
    return (await this.grants.lockAccount(userId)) !== undefined;
  }

  /**
   * An operator's grant, once per payment or else per user and idempotency key of that operator, for ever; a repeat answers the first one's grant.
   * @throws UserNotFoundError, InvalidRequestError for an end that is not in the future, and IdempotencyMismatchError when the payment or key
   * has granted something else.
   */
  async adminGrant(request: AdminGrant, now: Date): Promise<{ grant: Grant; isNew: boolean }> {
    const { idempotencyKey, paymentId, ...wanted } = request;
    const { userId } = request;
    return this.em.transactional(async () => {
      if (!(await this.grants.hasUser(userId))) throw new UserNotFoundError(userId);
      await this.grants.openAccount(userId, null, now);
      const grantKey = paymentId === undefined ? await this.keyOf(wanted, idempotencyKey) : `purchase:${paymentId}`;
      if (paymentId !== undefined && (await this.grants.isPaymentOfAnother(userId, grantKey))) {
        throw IdempotencyMismatchError.ofPayment(paymentId);
      }
      const isNew = await this.give({ ...wanted, grantKey, effectiveAt: now }, now);
      // Judged here, because a repeat gives nothing: it may come when the grant is over.
      if (isNew && request.expiresAt && request.expiresAt <= now) throw endedBefore();
      const grant = await this.grants.findByKey(userId, grantKey);
      if (!grant) throw new Error(`grant ${grantKey} vanished`);
      if (!isNew && !isSameGrant(grant, await this.grants.givenBy(grant), request)) {
        throw paymentId === undefined ? new IdempotencyMismatchError() : IdempotencyMismatchError.ofPayment(paymentId);
      }
      return { grant, isNew };
    });
  }

  /** Keys of different operators do not meet. Those of before they held their operator are still known to him. */
  private async keyOf(
    { userId, grantedBy }: Pick<AdminGrant, 'userId' | 'grantedBy'>,
    idempotencyKey: string,
  ): Promise<string> {
    const former = await this.grants.findByKey(userId, `admin:${idempotencyKey}`);
    return former?.grantedBy === grantedBy ? former.grantKey : `admin:${grantedBy}:${idempotencyKey}`;
  }
}

function endedBefore(): InvalidRequestError {
  return InvalidRequestError.of([{ field: 'expiresAt', message: 'must be in the future' }]);
}

/** By what was given then: it may have been adjusted since. A payment is the same whatever is said about it. */
function isSameGrant(grant: Grant, givenUcr: bigint, request: AdminGrant): boolean {
  return (
    givenUcr === request.amountUcr &&
    grant.source === request.source &&
    (request.paymentId !== undefined || (grant.reason ?? null) === request.reason) &&
    (grant.expiresAt?.getTime() ?? null) === (request.expiresAt?.getTime() ?? null)
  );
}

/** What the forecast asks of a grant. An allowance is renewed when its period ends. */
function freeOf({ source, remainingUcr, heldUcr, expiresAt }: Grant): FreeCredits {
  const isRenewed = source === 'subscription' || source === 'proration';
  return { freeUcr: (remainingUcr ?? 0n) - heldUcr, endsAt: isRenewed ? null : (expiresAt ?? null) };
}

function sum(amounts: bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function earliest(dates: Date[]): Date | null {
  return dates.reduce<Date | null>((first, date) => (first === null || date < first ? date : first), null);
}
