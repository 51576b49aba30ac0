import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InvalidEmailLinkError } from '../auth.errors.js';
import type { EmailToken } from './email-token.entity.js';
import { EmailTokenRepository } from './email-token.repository.js';
import type { User } from './user.entity.js';
import { UserRepository } from './user.repository.js';

const TOKEN_BYTES = 32;

export type LinkPurpose = EmailToken['purpose'];

export interface NewLink {
  purpose: LinkPurpose;
  userId: string;
  /** What the link proves to be somebody's. */
  email: string;
  validMs: number;
}

export interface EmailLink {
  user: User;
  email: string;
}

/**
 * Links in mails: single use, bound to a purpose, a user and an address. Programs that scan mails open links, so looking at one uses nothing; only
 * its hash is stored.
 */
@Injectable()
export class EmailLinks {
  constructor(
    private readonly tokens: EmailTokenRepository,
    private readonly users: UserRepository,
  ) {}

  /** The secret of a new link. Joins the caller's transaction. */
  async make(link: NewLink): Promise<string> {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await this.tokens.add({ ...link, hash: hashOf(token) });
    return token;
  }

  /** What the link is for, while it can be used. @throws InvalidEmailLinkError also when its user is gone or suspended */
  async find(token: string, purpose: LinkPurpose): Promise<EmailLink> {
    const found = await this.tokens.findUsable(hashOf(token), purpose);
    const user = found && (await this.users.findById(found.userId));
    if (!found || user?.status !== 'active') throw new InvalidEmailLinkError();
    // An address that the user has left by now proves nothing. One that is to become theirs is another one by nature.
    const isOfUser = purpose === 'change_email' || found.email.toLowerCase() === user.email.toLowerCase();
    if (!isOfUser) throw new InvalidEmailLinkError();
    return { user, email: found.email };
  }

  /** Uses the link, and with it all that its user has for the same purpose. Joins the caller's transaction. @throws InvalidEmailLinkError */
  async use(token: string, purpose: LinkPurpose): Promise<EmailLink> {
    const link = await this.find(token, purpose);
    if (!(await this.tokens.use(hashOf(token)))) throw new InvalidEmailLinkError();
    await this.tokens.useAll(link.user.id, purpose);
    return link;
  }

  /** Ends the links of a user for these purposes, whoever asked for them. Joins the caller's transaction. */
  async endAll(userId: string, purposes: readonly LinkPurpose[]): Promise<void> {
    for (const purpose of purposes) await this.tokens.useAll(userId, purpose);
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
