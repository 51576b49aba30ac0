import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { EmailToken } from './email-token.entity.js';

export interface NewEmailToken {
  hash: Buffer;
  purpose: EmailToken['purpose'];
  userId: string;
  email: string;
  validMs: number;
}

@Injectable()
export class EmailTokenRepository {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: WallClock,
  ) {}

  /** Joins the caller's transaction. */
  async add({ validMs, ...token }: NewEmailToken): Promise<void> {
    const expiresAt = new Date(this.clock.now().getTime() + validMs);
    await this.em.insert(EmailToken, { ...token, expiresAt });
  }

  /** The token if it can still be used; reading it uses nothing. */
  findUsable(hash: Buffer, purpose: EmailToken['purpose']): Promise<EmailToken | null> {
    return this.em
      .fork({ keepTransactionContext: true })
      .findOne(EmailToken, { hash, purpose, usedAt: null, expiresAt: { $gt: this.clock.now() } });
  }

  /** Whether this call used it: of parallel calls one does. Joins the caller's transaction. */
  async use(hash: Buffer): Promise<boolean> {
    const now = this.clock.now();
    const usable = { hash, usedAt: null, expiresAt: { $gt: now } };
    return (await this.em.nativeUpdate(EmailToken, usable, { usedAt: now, updatedAt: now })) > 0;
  }

  /** Uses up all that the user has for a purpose. Joins the caller's transaction. */
  async useAll(userId: string, purpose: EmailToken['purpose']): Promise<void> {
    const now = this.clock.now();
    await this.em.nativeUpdate(EmailToken, { userId, purpose, usedAt: null }, { usedAt: now, updatedAt: now });
  }
}
