import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import type { Operator } from '../../common/http/current-operator.js';
import { assertIfMatch } from '../../common/http/etag.js';
import { type AuditedChange, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { EmailTakenError, LastOperatorError, UserNotFoundError, UserStateError } from '../auth.errors.js';
import { AccountDeletion } from '../identity/account-deletion.service.js';
import { type AuthEventName, AuthEventRecorder } from '../identity/auth-event.recorder.js';
import { hasFactor, SecondFactors } from '../identity/factors/second-factors.service.js';
import { PasswordReset } from '../identity/password-reset.service.js';
import type { User } from '../identity/user.entity.js';
import { UserRepository } from '../identity/user.repository.js';
import { Mailer } from '../mail/mailer.js';
import { GrantService } from '../oauth/grant.service.js';
import { originOfCause } from '../oauth/request-origin.js';
import type { Language } from '../texts/languages.js';
import { etagOfUser } from './user-etag.js';

/** Long enough to find the mail on the next working day. */
const INVITATION_MS = 24 * 60 * 60 * 1000;

/** Who does it, having seen which state, and why. */
export type OperatorCause = Operator & { reason: string };

export interface Invitation {
  email: string;
  role: User['role'];
  displayName: string | null;
  language: Language;
}

interface Change {
  action: string;
  event: AuthEventName;
  /** Why it cannot be done to this user, if it cannot. */
  whyNot?: (user: User) => string | null;
  /** Whether the user stops being an operator by it. */
  endsOperator?: boolean;
  /** Why every sign-in of the user ends with it, where it does. */
  signsOut?: 'user_suspended' | 'password_reset' | 'revoked_by_operator';
  work: (user: User) => Promise<void>;
}

/** What operators do to people. Each change is made from a state that the operator has seen, with its line in the audit trail. */
@Injectable()
export class UserOperations {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserRepository,
    private readonly resets: PasswordReset,
    private readonly deletion: AccountDeletion,
    private readonly grants: GrantService,
    private readonly events: AuthEventRecorder,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
    private readonly factors: SecondFactors,
    private readonly mailer: Mailer,
  ) {}

  /** Deleted or not. @throws UserNotFoundError */
  async find(id: string): Promise<User> {
    const user = await this.users.findAny(id);
    if (!user) throw new UserNotFoundError(id);
    return user;
  }

  /** No password exists before its owner has chosen one. @throws EmailTakenError */
  async invite({ language, ...invited }: Invitation, cause: OperatorCause): Promise<User> {
    const id = await this.em.fork().transactional(async () => {
      const { email, role } = invited;
      const added = await this.users.add({ ...invited, language, passwordHash: null, isEmailVerified: false });
      if (added === null) throw new EmailTakenError();
      // Nobody knows yet what the person speaks; whoever invites them does.
      await this.resets.sendLink({ id: added, email }, INVITATION_MS, language);
      await this.record({ action: 'user.invite', entityId: added, before: null, after: { role } }, cause);
      await this.events.record({ event: 'invited', userId: added, origin: originOfCause(cause), details: { role } });
      return added;
    });
    return this.find(id);
  }

  /** @throws UserNotFoundError, UserStateError, LastOperatorError, StaleEtagError */
  suspend(id: string, cause: OperatorCause): Promise<User> {
    return this.change(id, cause, {
      action: 'user.suspend',
      event: 'suspended',
      signsOut: 'user_suspended',
      endsOperator: true,
      whyNot: ({ status }) => (status === 'suspended' ? 'the user is suspended already' : null),
      work: () => this.users.setStatus(id, 'suspended'),
    });
  }

  /** @throws UserNotFoundError, UserStateError, StaleEtagError */
  reinstate(id: string, cause: OperatorCause): Promise<User> {
    return this.change(id, cause, {
      action: 'user.reinstate',
      event: 'reinstated',
      whyNot: ({ status }) => (status === 'active' ? 'the user is not suspended' : null),
      work: () => this.users.setStatus(id, 'active'),
    });
  }

  /** @throws UserNotFoundError, LastOperatorError, StaleEtagError */
  changeRole(id: string, role: User['role'], cause: OperatorCause): Promise<User> {
    return this.change(id, cause, {
      action: 'user.role',
      event: 'role_changed',
      endsOperator: role !== 'admin',
      work: () => this.users.setRole(id, role),
    });
  }

  /** The operator never learns or chooses a password (ASVS 5.0 6.4.6). @throws UserNotFoundError, UserStateError, StaleEtagError */
  resetPassword(id: string, cause: OperatorCause): Promise<User> {
    return this.change(id, cause, {
      action: 'user.password_reset',
      event: 'password_reset_requested',
      signsOut: 'password_reset',
      whyNot: ({ status }) => (status === 'suspended' ? 'the user is suspended; reinstate it first' : null),
      work: async (user) => {
        await this.users.setPassword(id, null);
        await this.resets.sendLink(user, INVITATION_MS, user.language);
      },
    });
  }

  /**
   * For who has lost the phone and the recovery codes. The password is asked for as before, and the person is told by mail.
   * @throws UserNotFoundError, UserStateError, StaleEtagError
   */
  resetFactors(id: string, cause: OperatorCause): Promise<User> {
    return this.change(id, cause, {
      action: 'user.factors_reset',
      event: 'factor_removed',
      signsOut: 'revoked_by_operator',
      work: async ({ email, language }) => {
        if (!hasFactor(await this.factors.of(id))) throw new UserStateError('the user has no second factor');
        await this.factors.removeAll(id);
        await this.mailer.send({ to: email, language, template: 'factorsChanged', variables: {} });
      },
    });
  }

  /** @throws UserNotFoundError, UserStateError, LastOperatorError, StaleEtagError */
  async delete(id: string, cause: OperatorCause): Promise<User> {
    const before = await this.seen(id, cause);
    const after = { ...stateOf(before), isDeleted: true };
    const alongside = () => this.record({ action: 'user.delete', entityId: id, before: stateOf(before), after }, cause);
    const { language } = before;
    await this.deletion.delete(id, { origin: originOfCause(cause), language, by: cause.actorId, alongside });
    return this.find(id);
  }

  /** @throws UserNotFoundError, UserStateError, EmailTakenError, StaleEtagError */
  async restore(id: string, cause: OperatorCause): Promise<User> {
    const user = await this.find(id);
    assertIfMatch(cause.ifMatch, etagOfUser(user));
    if (!user.deletedAt) throw new UserStateError('the user is not deleted');
    if (user.erasedAt) throw new UserStateError('the user is erased, and nothing brings it back');
    await this.em.fork().transactional(async () => {
      if (!(await this.users.restore(id))) throw new EmailTakenError();
      const before = { ...stateOf(user), isDeleted: true };
      await this.record({ action: 'user.restore', entityId: id, before, after: stateOf(user) }, cause);
      await this.events.record({ event: 'account_restored', userId: id, origin: originOfCause(cause) });
    });
    return this.find(id);
  }

  private async change(id: string, cause: OperatorCause, change: Change): Promise<User> {
    const work = async (): Promise<void> => {
      const user = await this.users.lock(id);
      if (!user) throw new UserNotFoundError(id);
      assertIfMatch(cause.ifMatch, etagOfUser(user));
      const why = change.whyNot?.(user) ?? null;
      if (why !== null) throw new UserStateError(why);
      if (change.endsOperator && (await this.users.isLastOperator(user))) throw new LastOperatorError();
      await change.work(user);
      const after = await this.users.lock(id);
      const states = { before: stateOf(user), after: after && stateOf(after) };
      await this.record({ action: change.action, entityId: id, ...states }, cause);
      await this.events.record({ event: change.event, userId: id, origin: originOfCause(cause) });
    };
    const { signsOut } = change;
    // Together: nobody is suspended and comes back with the sign-ins of before.
    if (signsOut === undefined) await this.em.fork().transactional(work);
    else await this.grants.revoke({ userId: id }, { reason: signsOut, by: cause.actorId }, originOfCause(cause), work);
    this.users.forget(id);
    return this.find(id);
  }

  private async seen(id: string, cause: OperatorCause): Promise<User> {
    const user = await this.find(id);
    assertIfMatch(cause.ifMatch, etagOfUser(user));
    if (user.deletedAt) throw new UserStateError('the user is deleted already');
    return user;
  }

  private record(change: Omit<AuditedChange, 'entity'>, cause: OperatorCause): Promise<void> {
    return this.audit.record({ ...change, entity: 'user' }, cause, this.clock.now());
  }
}

/** What the audit trail keeps of a user: no name and no address, as it is kept for ever. */
function stateOf({ role, status }: User): object {
  return { role, status };
}
