import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { UserNotFoundError } from '../auth.errors.js';
import { LoginThrottle } from './login-throttle.service.js';
import type { User } from './user.entity.js';
import { UserRepository } from './user.repository.js';

/** Lets somebody in whom a guesser keeps out; a block ends by itself too. */
@Injectable()
export class SignInBlocks {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserRepository,
    private readonly throttle: LoginThrottle,
    private readonly audit: AuditTrail,
    private readonly clock: WallClock,
  ) {}

  /** Forgets the failed sign-ins of a user. How many counts that were. @throws UserNotFoundError */
  async lift(userId: string, cause: AuditCause): Promise<number> {
    const user = await this.users.findById(userId);
    if (!user) throw new UserNotFoundError(userId);
    return this.forget(user, cause);
  }

  /** @throws UserNotFoundError */
  async liftFor(email: string, cause: AuditCause): Promise<number> {
    const user = await this.users.findByEmail(email);
    if (!user) throw new UserNotFoundError(email);
    return this.forget(user, cause);
  }

  /** Forgets the failed sign-ins that came from an address. How many counts that were. */
  async liftAddress(ip: string, cause: AuditCause): Promise<number> {
    return this.em.fork().transactional(async (em) => {
      const forgotten = await this.throttle.unblockAddress(ip, em);
      const change = { action: 'address.unblock', entity: 'address', entityId: ip, before: null, after: { forgotten } };
      await this.audit.record(change, cause, this.clock.now());
      return forgotten;
    });
  }

  private forget({ id, email }: User, cause: AuditCause): Promise<number> {
    return this.em.fork().transactional(async (em) => {
      const forgotten = await this.throttle.unblock({ id, email }, em);
      const change = { action: 'user.unblock', entity: 'user', entityId: id, before: null, after: { forgotten } };
      await this.audit.record(change, cause, this.clock.now());
      return forgotten;
    });
  }
}
