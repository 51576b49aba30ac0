import { Injectable } from '@nestjs/common';
import { UserRepository } from '../identity/user.repository.js';
import { Mailer } from '../mail/mailer.js';
import type { EndedGrant } from './auth-grant.repository.js';

/** Tells people that a refresh token of theirs came a second time: somebody may have a copy of it. */
@Injectable()
export class ReuseWarning {
  constructor(
    private readonly users: UserRepository,
    private readonly mailer: Mailer,
  ) {}

  /** One mail for each sign-in that ended by it. Joins the caller's transaction. */
  async send(ended: readonly EndedGrant[]): Promise<void> {
    for (const { userId, deviceName } of ended) {
      const user = await this.users.findById(userId);
      if (!user) continue;
      const variables = { device: deviceName };
      await this.mailer.send({ to: user.email, language: user.language, template: 'signInCopied', variables });
    }
  }
}
