import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Config } from '../../../config/config.js';
import { Mailer } from '../../mail/mailer.js';
import type { Language } from '../../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from '../auth-event.recorder.js';
import { attemptOf, factorDoor, LoginThrottle } from '../login-throttle.service.js';
import type { User } from '../user.entity.js';
import { AuthenticatorApp } from './authenticator-app.service.js';
import { WrongCodeError } from './factors.errors.js';
import { Passkeys } from './passkeys.service.js';
import { RecoveryCodes } from './recovery-codes.service.js';

export interface FactorStatus {
  hasAuthenticator: boolean;
  passkeys: number;
  recoveryCodes: number;
}

/** What shows that an authenticator app was set up. */
export interface FirstCode {
  code: string;
  /** The sign-in that was shown the secret. */
  signIn: string;
  /** Of the mail about it. */
  language: Language;
  origin: RequestOrigin;
}

/** What proves who somebody is, beside a password. */
@Injectable()
export class SecondFactors {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly config: Config,
    private readonly authenticator: AuthenticatorApp,
    private readonly passkeys: Passkeys,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly throttle: LoginThrottle,
    private readonly events: AuthEventRecorder,
    private readonly em: EntityManager,
    private readonly mailer: Mailer,
  ) {}

  async of(userId: string): Promise<FactorStatus> {
    // One after the other, as the caller may be in a transaction, which has one connection.
    const hasAuthenticator = await this.authenticator.has(userId);
    const passkeys = await this.passkeys.list(userId);
    const recoveryCodes = await this.recoveryCodes.countUnused(userId);
    return { hasAuthenticator, passkeys: passkeys.length, recoveryCodes };
  }

  /** Whether the policy of this installation wants one of this user, who may have none yet. */
  isRequired({ role }: Pick<User, 'role'>): boolean {
    return role === 'user' ? this.config.userMfa === 'required' : this.config.adminMfa === 'required';
  }

  /** Joins the caller's transaction. */
  async removeAll(userId: string): Promise<void> {
    await this.authenticator.remove(userId);
    await this.passkeys.removeAll(userId);
    await this.recoveryCodes.removeAll(userId);
  }

  /**
   * Whether the first code of a new app, which this sign-in was shown, is right; then it is a factor from now on, and its person is told by mail:
   * in the middle of a sign-in a password alone has led here. Counted as guesses are.
   * @throws SignInThrottledError
   */
  async confirmApp({ id: userId, email }: Pick<User, 'id' | 'email'>, first: FirstCode): Promise<boolean> {
    const { code, signIn, language, origin } = first;
    const attempt = attemptOf(factorDoor(userId), origin);
    await this.throttle.admit(attempt);
    const isRight = await this.em.fork().transactional(async () => {
      if (!(await this.authenticator.confirm(userId, withoutSpaces(code), signIn))) return false;
      await this.events.record({ event: 'factor_added', userId, origin, details: { kind: 'app' } });
      await this.mailer.send({ to: email, language, template: 'factorsChanged', variables: {} });
      return true;
    });
    if (isRight) await this.throttle.forgive(attempt);
    return isRight;
  }

  /**
   * Takes a code of the authenticator app, or a recovery code. Counted before it is looked at, as a password is: six digits are few.
   * @throws WrongCodeError, SignInThrottledError
   */
  async verifyCode(userId: string, code: string, origin: RequestOrigin): Promise<'app' | 'recovery'> {
    const attempt = attemptOf(factorDoor(userId), origin);
    await this.throttle.admit(attempt);
    const kind = (await this.authenticator.verify(userId, withoutSpaces(code)))
      ? 'app'
      : (await this.recoveryCodes.use(userId, code))
        ? 'recovery'
        : null;
    const event = kind === null ? 'second_factor_failed' : 'second_factor';
    await this.events.record({ event, userId, origin, details: { kind: kind ?? 'code' } });
    if (kind === null) throw new WrongCodeError();
    await this.throttle.forgive(attempt);
    return kind;
  }
}

function withoutSpaces(code: string): string {
  return code.replace(/\s/g, '');
}

export function hasFactor({ hasAuthenticator, passkeys }: FactorStatus): boolean {
  return hasAuthenticator || passkeys > 0;
}
