import { Injectable } from '@nestjs/common';
import { Config } from '../../config/config.js';
import { LastOperatorError, UserNotFoundError } from '../auth.errors.js';
import { Mailer } from '../mail/mailer.js';
import { GrantService } from '../oauth/grant.service.js';
import type { Language } from '../texts/languages.js';
import { AuthEventRecorder, type RequestOrigin } from './auth-event.recorder.js';
import { UserRepository } from './user.repository.js';

export interface Deletion {
  origin: RequestOrigin;
  language: Language;
  /** The operator, where it was not the person. */
  by?: string;
  /** More that belongs to the same transaction. */
  alongside?: () => Promise<void>;
}

/** Ends an account. It is kept for a grace in which an operator can bring it back, and then erased. */
@Injectable()
export class AccountDeletion {
  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly config: Config,
    private readonly users: UserRepository,
    private readonly grants: GrantService,
    private readonly events: AuthEventRecorder,
    private readonly mailer: Mailer,
  ) {}

  /** Ends every sign-in with it; the address is free at once. @throws UserNotFoundError, LastOperatorError */
  async delete(userId: string, { origin, language, by, alongside }: Deletion): Promise<void> {
    const ending = { reason: 'account_deleted', ...(by !== undefined && { by }) } as const;
    await this.grants.revoke({ userId }, ending, origin, async () => {
      const user = await this.users.lock(userId);
      if (!user) throw new UserNotFoundError(userId);
      if (await this.users.isLastOperator(user)) throw new LastOperatorError();
      await alongside?.();
      await this.users.markDeleted(userId);
      await this.events.record({ event: 'account_deleted', userId, origin });
      const variables = { graceDays: this.config.deletionGraceDays };
      await this.mailer.send({ to: user.email, language, template: 'accountDeleted', variables });
    });
  }
}
