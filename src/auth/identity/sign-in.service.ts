import { Injectable } from '@nestjs/common';
import { SignInFailedError, SignInThrottledError } from '../auth.errors.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { attemptOf } from './login-throttle.service.js';
import { PasswordGate } from './password-gate.js';
import type { User } from './user.entity.js';
import { UserRepository } from './user.repository.js';

export interface Credentials {
  email: string;
  password: string;
}

/** Signs a person in with address and password. */
@Injectable()
export class SignInService {
  constructor(
    private readonly users: UserRepository,
    private readonly passwords: PasswordGate,
    private readonly events: AuthEventRecorder,
  ) {}

  /**
   * The user whose password this is. Unknown addresses, suspended users and wrong passwords get the same answer after the same work.
   * @throws SignInThrottledError, SignInFailedError, PasswordQueueFullError
   */
  async signIn({ email, password }: Credentials, origin: RequestOrigin): Promise<User> {
    const user = await this.users.findByEmail(email);
    const attempt = attemptOf(email, origin);
    const check = await this.passwords
      .check(user?.passwordHash ?? null, password, attempt)
      .catch((error: unknown) => this.recordThrottled(error, origin));
    if (!user || !check.fits || user.status !== 'active') {
      const reason = !user ? 'unknown_user' : !check.fits ? 'wrong_password' : 'suspended';
      return this.fail(user?.id, reason, origin);
    }
    const isStill = await this.users.recordPasswordSignIn(user.id, user.passwordHash ?? '', check.newPasswordHash);
    if (!isStill) return this.fail(user.id, 'password_changed_meanwhile', origin);
    await this.events.record({ event: 'sign_in', userId: user.id, origin, details: { amr: ['pwd'] } });
    return user;
  }

  private async fail(userId: string | undefined, reason: string, origin: RequestOrigin): Promise<never> {
    await this.events.record({ event: 'sign_in_failed', userId, origin, details: { reason } });
    throw new SignInFailedError();
  }

  /** Each block once: events are kept for a year, and whoever is blocked may try a thousand times a second. */
  private async recordThrottled(error: unknown, origin: RequestOrigin): Promise<never> {
    if (error instanceof SignInThrottledError && error.isFirst)
      await this.events.record({ event: 'sign_in_throttled', origin });
    throw error;
  }
}
