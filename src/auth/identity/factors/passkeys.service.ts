import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { WallClock } from '../../../common/clock.js';
import { newId } from '../../../common/ids.js';
import { Config } from '../../../config/config.js';
import { isTaken } from '../../../database/database-errors.js';
import { Passkey } from '../factors.entity.js';
import type { User } from '../user.entity.js';
import { PasskeyRefusedError } from './factors.errors.js';
import { PasskeyChallenges } from './passkey-challenges.js';

/** Nobody has more devices; the list stays one that can be read. */
const PASSKEYS_MAX = 20;
const NAME_LENGTH_MAX = 100;

export interface PasskeyUse {
  userId: string;
  /** How it was held (RFC 8176): in one device, or in software that copies it between devices. */
  method: 'hwk' | 'swk';
}

/** WebAuthn credentials: bound to our origin, so that no other site can ask for them, and always with the user's own check (PIN, finger, face). */
@Injectable()
export class Passkeys {
  private readonly origin: string;
  private readonly domain: string;

  constructor(
    config: Config,
    private readonly em: EntityManager,
    private readonly challenges: PasskeyChallenges,
    private readonly clock: WallClock,
  ) {
    this.origin = config.publicUrl;
    this.domain = new URL(config.publicUrl).hostname;
  }

  list(userId: string): Promise<Passkey[]> {
    return this.em.fork({ keepTransactionContext: true }).find(Passkey, { userId }, { orderBy: { id: 'asc' } });
  }

  /** What the browser needs to make one. */
  async creationOptions({ id, email, displayName }: User): Promise<object> {
    const existing = await this.list(id);
    if (existing.length >= PASSKEYS_MAX) throw new PasskeyRefusedError(`you have ${PASSKEYS_MAX} already`);
    const options = await generateRegistrationOptions({
      rpName: 'Tollgate',
      rpID: this.domain,
      userName: email,
      userDisplayName: displayName ?? email,
      userID: new Uint8Array(Buffer.from(id)),
      attestationType: 'none',
      excludeCredentials: existing.map(descriptorOf),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    await this.challenges.remember(options.challenge, { purpose: 'create', userId: id });
    return options;
  }

  /** Keeps what the browser made. Joins the caller's transaction. @throws PasskeyRefusedError */
  async add(userId: string, response: RegistrationResponseJSON, name: string): Promise<void> {
    const verification = await refusing(() =>
      verifyRegistrationResponse({
        response,
        expectedChallenge: (challenge) => this.challenges.take(challenge, { purpose: 'create', userId }),
        expectedOrigin: this.origin,
        expectedRPID: this.domain,
        requireUserVerification: true,
      }),
    );
    if (!verification.verified) throw new PasskeyRefusedError('the answer of the device does not fit');
    const { credential } = verification.registrationInfo;
    const passkey = {
      id: newId(),
      userId,
      credentialId: bytesOf(credential.id),
      publicKey: Buffer.from(credential.publicKey),
      signCount: BigInt(credential.counter),
      transports: credential.transports ?? [],
      name: name.slice(0, NAME_LENGTH_MAX),
    };
    await this.em.insert(Passkey, passkey).catch((error: unknown) => {
      throw isTaken(error) ? new PasskeyRefusedError('it is registered already', error) : error;
    });
  }

  /** What the browser needs to use one: one of this user's, or of whoever is there. */
  async requestOptions(userId: string | null): Promise<object> {
    const options = await generateAuthenticationOptions({
      rpID: this.domain,
      userVerification: 'required',
      allowCredentials: userId === null ? [] : (await this.list(userId)).map(descriptorOf),
    });
    await this.challenges.remember(options.challenge, { purpose: 'use', userId });
    return options;
  }

  /**
   * Whose passkey it is that answered.
   * @param userId Whose it must be; null where the passkey itself says who is there.
   * @throws PasskeyRefusedError
   */
  async use(response: AuthenticationResponseJSON, userId: string | null): Promise<PasskeyUse> {
    const passkey = await this.em.fork().findOne(Passkey, { credentialId: bytesOf(response.id) });
    if (!passkey || (userId !== null && passkey.userId !== userId))
      throw new PasskeyRefusedError('it is not known here');
    const verification = await refusing(() =>
      verifyAuthenticationResponse({
        response,
        expectedChallenge: (challenge) => this.challenges.take(challenge, { purpose: 'use', userId }),
        expectedOrigin: this.origin,
        expectedRPID: this.domain,
        requireUserVerification: true,
        credential: {
          id: response.id,
          publicKey: new Uint8Array(passkey.publicKey),
          // Judged below, where a copy of the device is told from a race of two honest answers.
          counter: 0,
        },
      }),
    );
    if (!verification.verified) throw new PasskeyRefusedError('the answer of the device does not fit');
    const { newCounter, credentialDeviceType } = verification.authenticationInfo;
    if (!(await this.count(passkey, newCounter)))
      throw new PasskeyRefusedError('it answered with an old counter, as a copy does');
    return { userId: passkey.userId, method: credentialDeviceType === 'singleDevice' ? 'hwk' : 'swk' };
  }

  /** Whether there was such a one. Joins the caller's transaction. */
  async remove(userId: string, id: string): Promise<boolean> {
    return (await this.em.nativeDelete(Passkey, { id, userId })) > 0;
  }

  /** Joins the caller's transaction. */
  async removeAll(userId: string): Promise<void> {
    await this.em.nativeDelete(Passkey, { userId });
  }

  /** Whether the counter went up; a device without one stays at zero (WebAuthn, 6.1.1). */
  private async count({ id }: Passkey, counter: number): Promise<boolean> {
    const now = this.clock.now();
    const rows = await this.em.fork().execute<unknown[]>(
      `update passkeys set sign_count = ?, last_used_at = ?, updated_at = ?
       where id = ? and (sign_count < ? or (sign_count = 0 and ? = 0)) returning id`,
      [counter, now, now, id, counter, counter],
    );
    return rows.length > 0;
  }
}

function descriptorOf({ credentialId, transports }: Passkey): { id: string; transports: never[] } {
  return { id: Buffer.from(credentialId).toString('base64url'), transports: transports as never[] };
}

function bytesOf(id: string): Buffer {
  return Buffer.from(id, 'base64url');
}

/** The library throws on whatever does not fit: that is the sender's fault. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new PasskeyRefusedError('the answer of the device does not fit', error);
  }
}
