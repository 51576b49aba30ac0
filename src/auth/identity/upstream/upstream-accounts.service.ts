import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { AccountSuspendedError } from '../../auth.errors.js';
import { isMailAddress } from '../../mail/mail.js';
import { Mailer } from '../../mail/mailer.js';
import type { Language } from '../../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from '../auth-event.recorder.js';
import type { LinkedIdentity } from '../factors.entity.js';
import { Passkeys } from '../factors/passkeys.service.js';
import type { User } from '../user.entity.js';
import { UserRepository } from '../user.repository.js';
import { LinkedIdentityRepository } from './linked-identity.repository.js';
import type { UpstreamPerson } from './upstream-issuers.js';
import {
  AddressNotConfirmedError,
  IdentityTakenError,
  LastWayInError,
  UpstreamAddressTakenError,
  UpstreamAddressUnverifiedError,
  UpstreamSignInFailedError,
} from './upstream.errors.js';

const NAME_LENGTH_MAX = 100;

interface Requester {
  user: User;
  language: Language;
  origin: RequestOrigin;
}

/**
 * The accounts of people who sign in at a provider elsewhere. One is found by (issuer, subject) and by nothing else: an address moves from one
 * person to another, and whoever registers an address first here is not thereby its owner.
 */
@Injectable()
export class UpstreamAccounts {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly identities: LinkedIdentityRepository,
    private readonly users: UserRepository,
    private readonly passkeys: Passkeys,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
  ) {}

  list(userId: string): Promise<LinkedIdentity[]> {
    return this.identities.list(userId);
  }

  /**
   * The user of somebody who has signed in elsewhere, made now if there is none.
   * @throws UpstreamAddressTakenError, UpstreamAddressUnverifiedError, AccountSuspendedError
   */
  async signIn(person: UpstreamPerson, origin: RequestOrigin): Promise<User> {
    const userId = (await this.identities.findUserId(person)) ?? (await this.register(person, origin));
    const user = await this.users.findById(userId);
    if (user?.status !== 'active') {
      const details = { reason: 'suspended', issuer: person.issuer };
      await this.events.record({ event: 'sign_in_failed', userId, origin, details });
      throw new AccountSuspendedError();
    }
    await this.users.recordSignIn(userId);
    await this.events.record({ event: 'sign_in', userId, origin, details: { amr: ['fed'], issuer: person.issuer } });
    return user;
  }

  /** Opens the requester's account to the person. @throws AddressNotConfirmedError, IdentityTakenError */
  async link(by: Requester, person: UpstreamPerson): Promise<void> {
    const { user } = by;
    // Whoever registers somebody else's address would keep a way in when its owner takes the account over.
    if (user.emailVerifiedAt === null) throw new AddressNotConfirmedError();
    if ((await this.identities.findUserId(person)) === user.id) return;
    await this.em.fork().transactional(async () => {
      if (!(await this.identities.add(user.id, person))) throw new IdentityTakenError(person.label);
      await this.recordChange(by, 'identity_linked', person.issuer);
    });
  }

  /** One that is not there is removed already. @throws LastWayInError */
  async unlink(by: Requester, id: string): Promise<void> {
    const userId = by.user.id;
    await this.em.fork().transactional(async () => {
      // Two that leave at the same time must not each count on the other.
      await this.users.lock(userId);
      const identities = await this.identities.list(userId);
      const leaving = identities.find((identity) => identity.id === id);
      if (!leaving) return;
      const isLast = identities.length === 1 && (await this.passkeys.list(userId)).length === 0;
      if (isLast && !(await this.users.hasPassword(userId))) throw new LastWayInError();
      await this.identities.remove(userId, id);
      await this.recordChange(by, 'identity_unlinked', leaving.issuer);
    });
  }

  private async register(person: UpstreamPerson, origin: RequestOrigin): Promise<string> {
    const { email, isEmailVerified, issuer, label } = person;
    if (email === null || !isEmailVerified || !isMailAddress(email)) throw new UpstreamAddressUnverifiedError(label);
    return this.em.fork().transactional(async () => {
      const displayName = nameOf(person);
      const id = await this.users.add({ email, passwordHash: null, displayName, role: 'user', isEmailVerified });
      if (id === null) throw new UpstreamAddressTakenError(label);
      // Somebody was faster, in another window: the next attempt finds the account.
      if (!(await this.identities.add(id, person))) throw new UpstreamSignInFailedError(label);
      await this.events.record({ event: 'registered', userId: id, origin, details: { issuer } });
      return id;
    });
  }

  private async recordChange(
    { user, language, origin }: Requester,
    event: 'identity_linked' | 'identity_unlinked',
    issuer: string,
  ): Promise<void> {
    await this.events.record({ event, userId: user.id, origin, details: { issuer } });
    await this.mailer.send({ to: user.email, language, template: 'connectionsChanged', variables: {} });
  }
}

/** As a person would have typed it. */
function nameOf({ displayName }: UpstreamPerson): string | null {
  return (
    displayName
      ?.replace(/\p{Cc}/gu, ' ')
      .trim()
      .slice(0, NAME_LENGTH_MAX) || null
  );
}
