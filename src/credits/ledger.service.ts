import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../common/errors/common.errors.js';
import { UserNotFoundError } from './credits.errors.js';
import { GrantRepository } from './grant.repository.js';
import {
  CreditsNotFreeError,
  DebtRepaidError,
  GrantEndedError,
  PostingNotReversibleError,
  PostingReversedError,
} from './posting.errors.js';
import { type GrantRoom, type NewPosting, type PostingLine, PostingRepository } from './posting.repository.js';

/** Who corrects whose books, and why. */
export interface Correction {
  userId: string;
  actorId: string;
  reason: string;
}

/** What a correction wrote, and where the account stands after it. */
export interface Corrected {
  postings: PostingLine[];
  /** Open debt that credits which came free repaid at once. */
  debtRepaidUcr: bigint;
  debtUcr: bigint;
}

const REVERSAL_KINDS = { usage: 'refund', debt: 'refund', grant: 'adjustment', adjustment: 'adjustment' } as const;

/** Corrections by operators: lines are never changed, only cancelled by others. Each is one transaction under the account's lock. */
@Injectable()
export class LedgerService {
  constructor(
    private readonly em: EntityManager,
    private readonly grants: GrantRepository,
    private readonly postings: PostingRepository,
  ) {}

  /**
   * Adds credits to a grant that is not over, or takes free ones from it.
   * @throws NotFoundError, GrantEndedError, CreditsNotFreeError
   */
  async adjust(by: Correction, change: { grantId: string; amountUcr: bigint }, now: Date): Promise<Corrected> {
    const { grantId, amountUcr } = change;
    return this.correct(by, now, async () => {
      await this.roomFor(by.userId, change, now);
      const line = { ...by, creditId: grantId, holdId: null, kind: 'adjustment' as const, amountUcr };
      return [await this.postings.moveGrant(line, amountUcr > 0n ? 'total' : 'expired', now)];
    });
  }

  /**
   * Cancels one line exactly, once.
   * @throws NotFoundError, PostingNotReversibleError, PostingReversedError, GrantEndedError, CreditsNotFreeError, DebtRepaidError
   */
  async reverse(by: Correction, postingId: string, now: Date): Promise<Corrected> {
    return this.correct(by, now, async () => {
      const original = await this.postings.findById(by.userId, postingId);
      if (!original) throw new NotFoundError(`The user ${by.userId} has no posting ${postingId}.`);
      return [await this.cancel(by, original, now)];
    });
  }

  /**
   * Cancels all that a request cost, or nothing of it.
   * @throws NotFoundError for a request that cost nothing; PostingReversedError, GrantEndedError, DebtRepaidError
   */
  async refund(by: Correction, requestId: string, now: Date): Promise<Corrected> {
    return this.correct(by, now, async () => {
      const charges = await this.postings.findCharges(by.userId, requestId);
      if (charges.length === 0) {
        throw new NotFoundError(`The user ${by.userId} was charged nothing for a request ${requestId}.`);
      }
      const reversals: string[] = [];
      for (const charge of charges) reversals.push(await this.cancel(by, charge, now));
      return reversals;
    });
  }

  /**
   * The transaction around every correction: the lock first, and open debt repaid last, once. A refund that repaid after each line would spend
   * what usage gives back on the debt of the same request, which could then not be cancelled.
   */
  private async correct({ userId }: Correction, now: Date, work: () => Promise<string[]>): Promise<Corrected> {
    return this.em.transactional(async () => {
      if (!(await this.grants.hasUser(userId))) throw new UserNotFoundError(userId);
      await this.grants.lockAccount(userId);
      const ids = await work();
      const debtRepaidUcr = await this.postings.repayDebt(userId, now);
      const postings = await this.postings.findByIds(userId, ids);
      return { postings, debtRepaidUcr, debtUcr: await this.debtOf(userId) };
    });
  }

  private async cancel(by: Correction, original: PostingLine, now: Date): Promise<string> {
    const kind = REVERSAL_KINDS[original.kind as keyof typeof REVERSAL_KINDS] ?? null;
    if (original.reversedBy) throw new PostingReversedError(original.id, original.reversedBy);
    if (!kind || original.reverses) {
      throw new PostingNotReversibleError({ ...original, isReversal: original.reverses !== null });
    }
    const amountUcr = -original.amountUcr;
    const line = { ...by, holdId: original.holdId, kind, amountUcr };
    const id =
      original.creditId === null
        ? await this.cancelDebt({ ...line, creditId: null }, now)
        : await this.cancelOnGrant({ ...line, creditId: original.creditId }, now);
    await this.postings.recordReversal(by.userId, original.id, id, now);
    return id;
  }

  private async cancelDebt(line: NewPosting & { creditId: null }, now: Date): Promise<string> {
    const debtUcr = await this.debtOf(line.userId);
    if (debtUcr < -line.amountUcr) throw new DebtRepaidError(-line.amountUcr, debtUcr);
    return this.postings.lowerDebt(line, now);
  }

  private async cancelOnGrant(line: NewPosting & { creditId: string }, now: Date): Promise<string> {
    await this.roomFor(line.userId, { grantId: line.creditId, amountUcr: line.amountUcr }, now);
    const column = line.amountUcr < 0n ? 'expired' : line.kind === 'refund' ? 'used' : 'total';
    return this.postings.moveGrant(line, column, now);
  }

  /** The grant, when it is not over and has what is to be taken from it. */
  private async roomFor(
    userId: string,
    { grantId, amountUcr }: { grantId: string; amountUcr: bigint },
    now: Date,
  ): Promise<GrantRoom> {
    const grant = await this.postings.findGrant(userId, grantId, now);
    if (!grant) throw new NotFoundError(`The user ${userId} has no grant ${grantId}.`);
    if (grant.isOver) throw new GrantEndedError(grantId, grant.endedAt);
    if (grant.freeUcr + amountUcr < 0n) throw new CreditsNotFreeError(grant, -amountUcr);
    return grant;
  }

  private async debtOf(userId: string): Promise<bigint> {
    return (await this.grants.findAccount(userId))?.debtUcr ?? 0n;
  }
}
