import { Injectable } from '@nestjs/common';
import { LoginThrottle, type Attempt } from './login-throttle.service.js';
import { PasswordHasher } from './password-hasher.js';

export interface PasswordCheck {
  fits: boolean;
  /** A hash with today's parameters, when the stored one has older ones. */
  newPasswordHash: string | undefined;
}

/** The only way to a password hash from outside: whoever asks is counted first, so that parallel guesses cannot slip past the count. */
@Injectable()
export class PasswordGate {
  constructor(
    private readonly throttle: LoginThrottle,
    private readonly hasher: PasswordHasher,
  ) {}

  /** @throws SignInThrottledError, PasswordQueueFullError */
  async hash(password: string, attempt: Attempt): Promise<string> {
    await this.throttle.admit(attempt);
    return this.hasher.hash(password);
  }

  /**
   * Takes as long without a hash as with one.
   * @throws SignInThrottledError, PasswordQueueFullError
   */
  async check(passwordHash: string | null, password: string, attempt: Attempt): Promise<PasswordCheck> {
    const fits = await this.fits(passwordHash, password, attempt);
    const isOutdated = fits && passwordHash !== null && this.hasher.isOutdated(passwordHash);
    return { fits, newPasswordHash: isOutdated ? await this.hasher.hash(password) : undefined };
  }

  /**
   * The hash of another password, for who shows the present one; null for who does not. Counted as one attempt.
   * @throws SignInThrottledError, PasswordQueueFullError
   */
  async replace(
    passwordHash: string | null,
    { current, next }: { current: string; next: string },
    attempt: Attempt,
  ): Promise<string | null> {
    return (await this.fits(passwordHash, current, attempt)) ? this.hasher.hash(next) : null;
  }

  private async fits(passwordHash: string | null, password: string, attempt: Attempt): Promise<boolean> {
    await this.throttle.admit(attempt);
    const fits = (await this.hasher.verify(passwordHash, password)) && passwordHash !== null;
    if (fits) await this.throttle.forgive(attempt);
    return fits;
  }
}
