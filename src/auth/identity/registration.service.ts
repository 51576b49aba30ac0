import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import type { Language } from '../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { EmailVerification } from './email-verification.service.js';
import { attemptOf } from './login-throttle.service.js';
import { PasswordGate } from './password-gate.js';
import { UserRepository } from './user.repository.js';

export interface NewAccount {
  email: string;
  password: string;
  displayName: string | null;
  /** Of the mail that follows. */
  language: Language;
}

/** Makes accounts. A taken address is answered as a free one is; only its owner is told, by mail. */
@Injectable()
export class Registration {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly users: UserRepository,
    private readonly passwords: PasswordGate,
    private readonly verification: EmailVerification,
    private readonly events: AuthEventRecorder,
  ) {}

  /** @throws SignInThrottledError, PasswordQueueFullError */
  async register({ email, password, displayName, language }: NewAccount, origin: RequestOrigin): Promise<void> {
    const passwordHash = await this.passwords.hash(password, attemptOf(email, origin));
    await this.em.fork().transactional(async () => {
      const user = { email, passwordHash, displayName, language, role: 'user', isEmailVerified: false } as const;
      const id = await this.users.add(user);
      if (id === null) return this.verification.remindOwner(email, language);
      await this.events.record({ event: 'registered', userId: id, origin });
      return this.verification.sendLink({ id, email }, language);
    });
  }
}
