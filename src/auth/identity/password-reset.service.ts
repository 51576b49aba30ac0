import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { ApiKeyRepository } from '../access/api-key.repository.js';
import { Mailer } from '../mail/mailer.js';
import { GrantService } from '../oauth/grant.service.js';
import type { Language } from '../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { EmailLinks } from './email-links.service.js';
import { SecondFactors } from './factors/second-factors.service.js';
import { attemptOf, LoginThrottle, resetDoor } from './login-throttle.service.js';
import { PasswordHasher } from './password-hasher.js';
import { UserRepository } from './user.repository.js';

/** A password that was forgotten is replaced by whoever reads the mail of the account. */
@Injectable()
export class PasswordReset {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly em: EntityManager,
    private readonly config: Config,
    private readonly links: EmailLinks,
    private readonly users: UserRepository,
    private readonly throttle: LoginThrottle,
    private readonly hasher: PasswordHasher,
    private readonly grants: GrantService,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
    private readonly factors: SecondFactors,
    private readonly keys: ApiKeyRepository,
    private readonly clock: WallClock,
  ) {}

  /** Sends a link if there is somebody to send it to; nothing tells the caller whether there was. @throws SignInThrottledError */
  async request(email: string, language: Language, origin: RequestOrigin): Promise<void> {
    // Counted apart from guesses: asking for mails keeps nobody from signing in.
    await this.throttle.admit(attemptOf(resetDoor(email), origin));
    const user = await this.users.findByEmail(email);
    if (user?.status !== 'active') return;
    await this.em.fork().transactional(async () => {
      await this.sendLink(user, this.config.resetLinkMs, language);
      await this.events.record({ event: 'password_reset_requested', userId: user.id, origin });
    });
  }

  /** Joins the caller's transaction. */
  async sendLink({ id, email }: { id: string; email: string }, validMs: number, language: Language): Promise<void> {
    const token = await this.links.make({ purpose: 'reset_password', userId: id, email, validMs });
    const variables = { path: `/reset-password?token=${token}`, validMs };
    await this.mailer.send({ to: email, language, template: 'resetPassword', variables });
  }

  /** The address of the account that the link is for. @throws InvalidEmailLinkError */
  async peek(token: string): Promise<string> {
    return (await this.links.find(token, 'reset_password')).email;
  }

  /**
   * Sets the password, once, and ends every sign-in of the user, in apps and in browsers. A second factor stays: the mail alone is not enough to get
   * past it. Unless nobody had shown yet that the address is theirs: then whatever was set up may be somebody else's, and goes.
   * @throws InvalidEmailLinkError, PasswordQueueFullError
   */
  async reset(token: string, password: string, by: { language: Language; origin: RequestOrigin }): Promise<void> {
    const { user } = await this.links.find(token, 'reset_password');
    const passwordHash = await this.hasher.hash(password);
    await this.grants.revoke({ userId: user.id }, { reason: 'password_reset' }, by.origin, async () => {
      await this.links.use(token, 'reset_password');
      await this.users.setPassword(user.id, passwordHash);
      if (user.emailVerifiedAt === null) await this.forgetStranger(user.id);
      // Only who reads the mail of the address could come here.
      await this.users.markVerified(user.id);
      await this.events.record({ event: 'password_reset', userId: user.id, origin: by.origin });
      await this.mailer.send({ to: user.email, language: by.language, template: 'passwordChanged', variables: {} });
    });
  }

  /** An account can be made with the address of another person, and wait for them with a way in of its own. */
  private async forgetStranger(userId: string): Promise<void> {
    await this.factors.removeAll(userId);
    await this.keys.revokeAllOf(userId, this.clock.now());
  }
}
