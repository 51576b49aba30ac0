import { Injectable, Logger } from '@nestjs/common';
import { Config } from '../../config/config.js';

export interface Mail {
  to: string;
  subject: string;
  text: string;
  /** What the link opens; the host is always the configured one. */
  path: string | null;
}

/** Until mail can be sent, a development server prints what it would send. A production server never prints a link. */
@Injectable()
export class Mailer {
  private readonly logger = new Logger('Mail');

  constructor(private readonly config: Config) {}

  send({ to, subject, text, path }: Mail): Promise<void> {
    if (this.config.isProduction) {
      this.logger.warn(`mail is not configured: "${subject}" was not sent`);
    } else {
      this.logger.log(`Mail to ${to}: ${subject}. ${text}${path === null ? '' : ` ${this.config.publicUrl}${path}`}`);
    }
    return Promise.resolve();
  }
}
