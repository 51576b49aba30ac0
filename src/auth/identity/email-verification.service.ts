import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { Mailer } from '../mail/mailer.js';
import type { Language } from '../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { EmailLinks } from './email-links.service.js';
import { attemptOf, changeDoor, LoginThrottle } from './login-throttle.service.js';
import type { User } from './user.entity.js';
import { UserRepository } from './user.repository.js';

const VALID_MS = 24 * 60 * 60 * 1000;

/** Confirms that an address belongs to its user. */
@Injectable()
export class EmailVerification {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly links: EmailLinks,
    private readonly users: UserRepository,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
    private readonly throttle: LoginThrottle,
  ) {}

  /** Joins the caller's transaction. */
  async sendLink({ id, email }: { id: string; email: string }, language: Language): Promise<void> {
    const token = await this.links.make({ purpose: 'verify_email', userId: id, email, validMs: VALID_MS });
    const variables = { path: `/verify-email?token=${token}`, validMs: VALID_MS };
    await this.mailer.send({ to: email, language, template: 'verifyEmail', variables });
  }

  /** For who is signed in and has no link that works. Counted, as mails are not sent without end. @throws SignInThrottledError */
  async sendLinkAgain(user: User, by: { language: Language; origin: RequestOrigin }): Promise<void> {
    if (user.emailVerifiedAt !== null) return;
    await this.throttle.admit(attemptOf(changeDoor(user.id), by.origin));
    await this.em.fork().transactional(() => this.sendLink(user, by.language));
  }

  /** Tells the owner of an address that somebody registered with it again. */
  async remindOwner(email: string, language: Language): Promise<void> {
    await this.mailer.send({ to: email, language, template: 'alreadyRegistered', variables: {} });
  }

  /** The address that the link confirms. @throws InvalidEmailLinkError */
  async peek(token: string): Promise<string> {
    return (await this.links.find(token, 'verify_email')).email;
  }

  /** Confirms the address, once. @throws InvalidEmailLinkError also when the user has another address by now */
  async confirm(token: string, origin: RequestOrigin): Promise<void> {
    await this.em.fork().transactional(async () => {
      const { user } = await this.links.use(token, 'verify_email');
      await this.users.markVerified(user.id);
      await this.events.record({ event: 'email_verified', userId: user.id, origin });
    });
  }
}
