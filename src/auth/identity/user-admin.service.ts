import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { UserNotFoundError } from '../auth.errors.js';
import { AuthEventRecorder } from './auth-event.recorder.js';
import { SecondFactors } from './factors/second-factors.service.js';
import { PasswordHasher } from './password-hasher.js';
import { Mailer } from '../mail/mailer.js';
import { GrantService } from '../oauth/grant.service.js';
import type { User } from './user.entity.js';
import { UserRepository } from './user.repository.js';

const PASSWORD_BYTES = 18;

export interface CreatedUser {
  userId: string;
  /** Shown once by the command that made the user; null when the user was there before. */
  password: string | null;
}

export interface VerifiedUser {
  email: string;
  role: User['role'];
  displayName: string | null;
}

/** What an operator does to users with access to the database. */
@Injectable()
export class UserAdminService {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly users: UserRepository,
    private readonly passwords: PasswordHasher,
    private readonly events: AuthEventRecorder,
    private readonly grants: GrantService,
    private readonly factors: SecondFactors,
    private readonly mailer: Mailer,
  ) {}

  /** Makes the user an operator, creating it with a password of its own when there is none. */
  async createOperator(email: string): Promise<CreatedUser> {
    const created = await this.ensureVerifiedUser({ email, role: 'admin', displayName: null });
    if (created.password === null) {
      const user = await this.users.findById(created.userId);
      if (user && user.role !== 'admin') await this.changeRole(user, 'admin');
    } else {
      await this.events.record({ event: 'operator_created', userId: created.userId });
    }
    return created;
  }

  /** A user with a confirmed address and a generated password; one that exists is left as it is. */
  async ensureVerifiedUser(user: VerifiedUser): Promise<CreatedUser> {
    const existing = await this.users.findByEmail(user.email);
    if (existing) return { userId: existing.id, password: null };
    const password = randomBytes(PASSWORD_BYTES).toString('base64url');
    const passwordHash = await this.passwords.hash(password);
    const userId = await this.users.add({ ...user, passwordHash, isEmailVerified: true });
    if (userId === null) return this.ensureVerifiedUser(user);
    return { userId, password };
  }

  /** For an operator whom no other could let in again: the password alone opens the account, which then sets up a factor anew. @throws UserNotFoundError */
  async forgetFactors(email: string): Promise<void> {
    const user = await this.users.findByEmail(email);
    if (!user) throw new UserNotFoundError(email);
    await this.grants.revoke({ userId: user.id }, { reason: 'revoked_by_operator' }, undefined, async () => {
      await this.factors.removeAll(user.id);
      await this.mailer.send({ to: user.email, language: user.language, template: 'factorsChanged', variables: {} });
      await this.events.record({ event: 'factor_removed', userId: user.id, details: { by: 'command line' } });
    });
  }

  private async changeRole(user: User, role: User['role']): Promise<void> {
    await this.users.setRole(user.id, role);
    await this.events.record({ event: 'role_changed', userId: user.id, details: { from: user.role, to: role } });
  }
}
