import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InvalidEmailLinkError } from '../auth.errors.js';
import { Mailer } from '../mail/mailer.js';
import type { Language } from '../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { EmailTokenRepository } from './email-token.repository.js';
import { UserRepository } from './user.repository.js';

const TOKEN_BYTES = 32;
const VALID_MS = 24 * 60 * 60 * 1000;

/** Confirms that an address belongs to its user. Mail scanners open links, so opening one changes nothing; a button does. */
@Injectable()
export class EmailVerification {
  constructor(
    private readonly tokens: EmailTokenRepository,
    private readonly users: UserRepository,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
  ) {}

  /** Joins the caller's transaction. */
  async sendLink({ id, email }: { id: string; email: string }, language: Language): Promise<void> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await this.tokens.add({ hash: hashOf(token), purpose: 'verify_email', userId: id, email, validMs: VALID_MS });
    const variables = { path: `/verify-email?token=${token}`, validMs: VALID_MS };
    await this.mailer.send({ to: email, language, template: 'verifyEmail', variables });
  }

  /** Tells the owner of an address that somebody registered with it again. */
  async remindOwner(email: string, language: Language): Promise<void> {
    await this.mailer.send({ to: email, language, template: 'alreadyRegistered', variables: {} });
  }

  /** The address that the link confirms. @throws InvalidEmailLinkError */
  async peek(token: string): Promise<string> {
    const found = await this.tokens.findUsable(hashOf(token), 'verify_email');
    if (!found) throw new InvalidEmailLinkError();
    return found.email;
  }

  /** Confirms the address, once. @throws InvalidEmailLinkError also when the user has another address by now */
  async confirm(token: string, origin: RequestOrigin): Promise<void> {
    const found = await this.tokens.findUsable(hashOf(token), 'verify_email');
    const user = found && (await this.users.findById(found.userId));
    if (!found || !user || user.email.toLowerCase() !== found.email.toLowerCase()) throw new InvalidEmailLinkError();
    if (!(await this.tokens.use(hashOf(token)))) throw new InvalidEmailLinkError();
    await this.users.markVerified(user.id);
    await this.events.record({ event: 'email_verified', userId: user.id, origin });
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
