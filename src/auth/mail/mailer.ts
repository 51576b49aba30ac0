import { EntityManager } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { Notifications } from '../../database/notifications.js';
import { Sealer } from '../sealer.js';
import type { Mail } from './mail.js';
import { contextOf, MailOutbox } from './mail-outbox.entity.js';

/** Told at commit, so that a mail leaves as soon as what caused it is true. */
export const MAIL_CHANNEL = 'tollgate_mail';

/** Where mails begin. */
@Injectable()
export class Mailer {
  constructor(
    private readonly em: EntityManager,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
    private readonly notifications: Notifications,
  ) {}

  /**
   * Puts the mail into the outbox; it is sent in the background. Joins the caller's transaction, so that there is neither a mail without its
   * cause nor a cause without its mail.
   */
  async send({ to, template, language, variables }: Mail): Promise<void> {
    const id = newId();
    const now = this.clock.now();
    await this.em.insert(MailOutbox, {
      id,
      toAddress: to,
      template,
      variablesSealed: this.sealer.seal(JSON.stringify({ language, variables }), contextOf(id)),
      nextAttemptAt: now,
      createdAt: now,
      updatedAt: now,
    });
    await this.notifications.notify(MAIL_CHANNEL);
  }
}
