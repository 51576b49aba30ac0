import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { type AuditCause, AuditTrail } from '../../monitoring/audit-trail.service.js';
import { UserNotFoundError } from '../auth.errors.js';
import { LoginThrottle } from './login-throttle.service.js';
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
    return this.em.fork().transactional(async (em) => {
      const forgotten = await this.throttle.unblock(user.email, em);
      const change = { action: 'user.unblock', entity: 'user', entityId: userId, before: null, after: { forgotten } };
      await this.audit.record(change, cause, this.clock.now());
      return forgotten;
    });
  }
}
