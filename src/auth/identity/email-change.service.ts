import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { InvalidEmailLinkError } from '../auth.errors.js';
import { Mailer } from '../mail/mailer.js';
import type { Language } from '../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { EmailLinks } from './email-links.service.js';
import { attemptOf, changeDoor, LoginThrottle } from './login-throttle.service.js';
import type { User } from './user.entity.js';
import { UserRepository } from './user.repository.js';

const VALID_MS = 60 * 60 * 1000;

/** Gives an account another address, once its owner has shown that mail to it arrives. */
@Injectable()
export class EmailChange {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly links: EmailLinks,
    private readonly users: UserRepository,
    private readonly throttle: LoginThrottle,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
  ) {}

  /** Sends the link to the new address and tells the old one. An address that is taken is answered alike: its owner is told. */
  async request(user: User, email: string, by: { language: Language; origin: RequestOrigin }): Promise<void> {
    const { language, origin } = by;
    await this.throttle.admit(attemptOf(changeDoor(user.id), origin));
    const isTaken = (await this.users.findByEmail(email)) !== null;
    await this.em.fork().transactional(async () => {
      await this.events.record({ event: 'email_change_requested', userId: user.id, origin });
      await this.mailer.send({ to: user.email, language, template: 'emailChanging', variables: {} });
      if (isTaken) return this.mailer.send({ to: email, language, template: 'alreadyRegistered', variables: {} });
      const token = await this.links.make({ purpose: 'change_email', userId: user.id, email, validMs: VALID_MS });
      const variables = { path: `/change-email?token=${token}`, validMs: VALID_MS };
      return this.mailer.send({ to: email, language, template: 'changeEmail', variables });
    });
  }

  /** The address that the link is for. @throws InvalidEmailLinkError */
  async peek(token: string): Promise<string> {
    return (await this.links.find(token, 'change_email')).email;
  }

  /** @throws InvalidEmailLinkError also when somebody else has taken the address meanwhile */
  async confirm(token: string, origin: RequestOrigin): Promise<void> {
    await this.em.fork().transactional(async () => {
      const { user, email } = await this.links.use(token, 'change_email');
      if (!(await this.users.setEmail(user.id, email))) throw new InvalidEmailLinkError();
      await this.events.record({ event: 'email_changed', userId: user.id, origin });
    });
  }
}
