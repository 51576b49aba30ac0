import { createHash, randomBytes } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../../common/clock.js';
import { newId } from '../../../common/ids.js';
import { RecoveryCode } from '../factors.entity.js';
import { base32 } from './totp.js';

const CODES = 10;
/** 80 bits: beyond guessing, also for who has the hashes. */
const CODE_BYTES = 10;
const CODE_LENGTH = 16;

/** For the day on which the phone is lost: each works once, in place of the other factor. */
@Injectable()
export class RecoveryCodes {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  /** New codes, shown this once; the old ones end. */
  async replace(userId: string): Promise<string[]> {
    const codes = Array.from({ length: CODES }, () => base32(randomBytes(CODE_BYTES)));
    await this.em.fork().transactional(async () => {
      await this.removeAll(userId);
      await this.em.insertMany(
        RecoveryCode,
        codes.map((code) => ({ id: newId(), userId, hash: hashOf(userId, code) })),
      );
    });
    return codes.map((code) => code.replace(/(.{4})(?=.)/g, '$1-'));
  }

  countUnused(userId: string): Promise<number> {
    return this.em.fork({ keepTransactionContext: true }).count(RecoveryCode, { userId, usedAt: null });
  }

  /** Whether it is one of the user's and was not used. Of parallel calls with one code one succeeds. */
  async use(userId: string, text: string): Promise<boolean> {
    const code = text.toUpperCase().replace(/[\s-]/g, '');
    if (code.length !== CODE_LENGTH) return false;
    const now = this.clock.now();
    const unused = { userId, hash: hashOf(userId, code), usedAt: null };
    return (await this.em.fork().nativeUpdate(RecoveryCode, unused, { usedAt: now, updatedAt: now })) > 0;
  }

  /** Joins the caller's transaction. */
  async removeAll(userId: string): Promise<void> {
    await this.em.nativeDelete(RecoveryCode, { userId });
  }
}

function hashOf(userId: string, code: string): Buffer {
  return createHash('sha256').update(`${userId}:${code}`).digest();
}
