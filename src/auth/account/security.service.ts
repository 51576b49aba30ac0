import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { RegistrationResponseJSON } from '@simplewebauthn/server';
import { SignInFailedError } from '../auth.errors.js';
import { AuthEventRecorder, type AuthEventName, type RequestOrigin } from '../identity/auth-event.recorder.js';
import { EmailLinks } from '../identity/email-links.service.js';
import { AuthenticatorApp } from '../identity/factors/authenticator-app.service.js';
import { LastFactorError, WrongCodeError } from '../identity/factors/factors.errors.js';
import { Passkeys } from '../identity/factors/passkeys.service.js';
import { RecoveryCodes } from '../identity/factors/recovery-codes.service.js';
import { hasFactor, SecondFactors } from '../identity/factors/second-factors.service.js';
import { attemptOf } from '../identity/login-throttle.service.js';
import { PasswordGate } from '../identity/password-gate.js';
import type { User } from '../identity/user.entity.js';
import { UserRepository } from '../identity/user.repository.js';
import { Mailer } from '../mail/mailer.js';
import { GrantService } from '../oauth/grant.service.js';
import type { Language } from '../texts/languages.js';

/** Whose request it is, and from where. */
export interface Requester {
  user: User;
  grantId: string;
  language: Language;
  origin: RequestOrigin;
}

/** What people change about how they sign in. Whoever asks has proved a short while ago who they are; each change is told by mail. */
@Injectable()
export class AccountSecurity {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserRepository,
    private readonly passwords: PasswordGate,
    private readonly factors: SecondFactors,
    private readonly authenticator: AuthenticatorApp,
    private readonly passkeys: Passkeys,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly grants: GrantService,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
    private readonly links: EmailLinks,
  ) {}

  /**
   * Replaces the password. Other devices stay signed in unless that is wanted otherwise (ASVS 5.0 7.4.3); links in mails that would give the
   * account another address or password end in any case, as a thief may have asked for them.
   * @throws SignInFailedError when the current one is not right, SignInThrottledError, PasswordQueueFullError
   */
  async changePassword(by: Requester, change: { current: string; next: string; endsOthers: boolean }): Promise<void> {
    const { user, origin } = by;
    const passwordHash = (await this.users.findByEmail(user.email))?.passwordHash ?? null;
    const newHash = await this.passwords.replace(passwordHash, change, attemptOf(user.email, origin));
    if (newHash === null || passwordHash === null) throw new SignInFailedError();
    const replace = async () => {
      // Hashing takes long enough for the owner to choose another one by mail, which ends the sign-in that asks here.
      if (!(await this.users.replacePassword(user.id, passwordHash, newHash))) throw new SignInFailedError();
      await this.links.endAll(user.id, ['change_email', 'reset_password']);
      await this.events.record({ event: 'password_changed', userId: user.id, origin });
      await this.mailer.send({ to: user.email, language: by.language, template: 'passwordChanged', variables: {} });
    };
    // Together: who wants the others to end gets no new password with which they stay.
    if (!change.endsOthers) await this.em.fork().transactional(replace);
    else await this.grants.revoke({ userId: user.id, exceptId: by.grantId }, { reason: 'signed_out' }, origin, replace);
  }

  /** @throws WrongCodeError, SignInThrottledError */
  async confirmApp({ user, grantId: signIn, language, origin }: Requester, code: string): Promise<void> {
    if (!(await this.factors.confirmApp(user, { code, signIn, language, origin }))) throw new WrongCodeError();
  }

  /** @throws LastFactorError */
  async removeApp(by: Requester): Promise<void> {
    const { passkeys } = await this.factors.of(by.user.id);
    this.assertMayLoseOne(by.user, passkeys);
    await this.change(by, 'factor_removed', () => this.authenticator.remove(by.user.id));
    await this.forgetCodesWithout(by.user.id);
  }

  /** @throws PasskeyRefusedError */
  async addPasskey(by: Requester, response: RegistrationResponseJSON, name: string): Promise<void> {
    await this.change(by, 'factor_added', () => this.passkeys.add(by.user.id, response, name));
  }

  /** One that is not there is removed already. @throws LastFactorError */
  async removePasskey(by: Requester, id: string): Promise<void> {
    const { hasAuthenticator, passkeys } = await this.factors.of(by.user.id);
    this.assertMayLoseOne(by.user, passkeys - 1 + (hasAuthenticator ? 1 : 0));
    await this.change(by, 'factor_removed', async () => void (await this.passkeys.remove(by.user.id, id)));
    await this.forgetCodesWithout(by.user.id);
  }

  /** The new codes, shown this once. */
  async newRecoveryCodes(by: Requester): Promise<string[]> {
    const codes = await this.recoveryCodes.replace(by.user.id);
    await this.events.record({ event: 'recovery_codes_made', userId: by.user.id, origin: by.origin });
    await this.mailChange(by);
    return codes;
  }

  private assertMayLoseOne(user: User, left: number): void {
    if (left === 0 && this.factors.isRequired(user)) throw new LastFactorError();
  }

  /** Codes stand in for a factor; without one there is nothing to stand in for. */
  private async forgetCodesWithout(userId: string): Promise<void> {
    if (!hasFactor(await this.factors.of(userId))) await this.recoveryCodes.removeAll(userId);
  }

  private async change(by: Requester, event: AuthEventName, work: () => Promise<void>): Promise<void> {
    await this.em.fork().transactional(async () => {
      await work();
      await this.events.record({ event, userId: by.user.id, origin: by.origin });
      await this.mailChange(by);
    });
  }

  private mailChange({ user, language }: Requester): Promise<void> {
    return this.mailer.send({ to: user.email, language, template: 'factorsChanged', variables: {} });
  }
}
