import { createHmac, randomBytes } from 'node:crypto';
import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../../common/clock.js';
import { Sealer } from '../../sealer.js';
import { TotpSecret } from '../factors.entity.js';
import type { User } from '../user.entity.js';
import { base32, enrolmentUri, stepOf } from './totp.js';

/** What RFC 4226 recommends. */
const SECRET_BYTES = 20;
const ISSUER = 'Tollgate';

export interface Enrolment {
  /** To be shown as a picture. */
  uri: string;
  /** To be typed where no picture can be read. */
  secret: string;
}

/** Codes of an app on the phone (RFC 6238). The secret is sealed for its user; each code works once. */
@Injectable()
export class AuthenticatorApp {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
  ) {}

  async has(userId: string): Promise<boolean> {
    return (
      (await this.em.fork({ keepTransactionContext: true }).count(TotpSecret, { userId, confirmedAt: { $ne: null } })) >
      0
    );
  }

  /**
   * What the app is to be told: the same within one sign-in, so that a page that is loaded anew shows the same picture, and another one in every
   * other, so that nobody who was shown one before knows what the person sets up.
   */
  async enrol({ id, email }: Pick<User, 'id' | 'email'>, signIn: string): Promise<Enrolment> {
    const fresh = this.seal(id, randomBytes(SECRET_BYTES));
    await this.em
      .fork()
      .execute('insert into totp_secrets (user_id, secret_sealed) values (?, ?) on conflict (user_id) do nothing', [
        id,
        fresh,
      ]);
    const secret = offeredIn(signIn, this.secretOf(await this.em.fork().findOneOrFail(TotpSecret, { userId: id })));
    return { uri: enrolmentUri(secret, email, ISSUER), secret: base32(secret) };
  }

  /** Whether the code is one of what this sign-in was shown; then the app is a factor from now on. Joins the caller's transaction. */
  async confirm(userId: string, code: string, signIn: string): Promise<boolean> {
    const row = await this.em.fork({ keepTransactionContext: true }).findOne(TotpSecret, { userId, confirmedAt: null });
    if (row === null) return false;
    row.secretSealed = this.seal(userId, offeredIn(signIn, this.secretOf(row)));
    return this.useStep(row, code, { secretSealed: row.secretSealed, confirmedAt: this.clock.now() });
  }

  /** Whether the code is right and new. Of parallel calls with one code one succeeds. */
  async verify(userId: string, code: string): Promise<boolean> {
    const row = await this.em.fork().findOne(TotpSecret, { userId, confirmedAt: { $ne: null } });
    return row !== null && this.useStep(row, code, {});
  }

  /** Joins the caller's transaction. */
  async remove(userId: string): Promise<void> {
    await this.em.nativeDelete(TotpSecret, { userId });
  }

  private async useStep(row: TotpSecret, code: string, change: Partial<TotpSecret>): Promise<boolean> {
    const now = this.clock.now();
    const step = stepOf(code, this.secretOf(row), now, Number(row.lastStep));
    if (step === null) return false;
    // The state that was read is still the state: of two sign-ins that set one up at once, one does.
    const confirmedAt = row.confirmedAt ?? null;
    const unused = { userId: row.userId, confirmedAt, lastStep: { $lt: BigInt(step) } };
    const used = { ...change, lastStep: BigInt(step), updatedAt: now };
    return (await this.em.nativeUpdate(TotpSecret, unused, used)) > 0;
  }

  private seal(userId: string, secret: Buffer): Buffer {
    return this.sealer.seal(secret.toString('base64'), contextOf(userId));
  }

  private secretOf({ userId, secretSealed }: TotpSecret): Buffer {
    return Buffer.from(this.sealer.open(secretSealed, contextOf(userId)), 'base64');
  }
}

/** What is shown in one sign-in, made of what is stored until then, which nobody is shown. */
function offeredIn(signIn: string, stored: Buffer): Buffer {
  return createHmac('sha256', stored).update(signIn).digest().subarray(0, SECRET_BYTES);
}

function contextOf(userId: string): string {
  return `totp_secrets:${userId}`;
}
