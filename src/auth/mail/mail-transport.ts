import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';
import { Config } from '../../config/config.js';
import { isMailAddress, type RenderedMail } from './mail.js';

/** Well within the lease of a mail, so that nobody else begins with one that is still on its way. */
const CONNECT_MS_MAX = 10_000;
const SILENCE_MS_MAX = 30_000;
const SENDER_NAME = 'Tollgate';

/** The mail will never arrive; another attempt is no use. */
export class UndeliverableMailError extends Error {}

/** How mails leave: by SMTP, or in development without a server for that, in the terminal. */
@Injectable()
export class MailTransport implements OnModuleDestroy {
  private readonly logger = new Logger('Mail');
  private transporter: Transporter | undefined;

  constructor(private readonly config: Config) {}

  /**
   * Hands the mail to the next server. `id` becomes its Message-ID: where an attempt is repeated, the mail can be recognised.
   * @throws UndeliverableMailError, or whatever else went wrong
   */
  async deliver(id: string, to: string, mail: RenderedMail): Promise<void> {
    // The text form of an address is parsed by the library: one with a line break would reach other people.
    if (!isMailAddress(to)) throw new UndeliverableMailError('this is no address of a mailbox');
    const { smtpUrl, isProduction, mailFrom, publicUrl } = this.config;
    if (smtpUrl === undefined) {
      if (isProduction) throw new Error('SMTP_URL is not set');
      this.logger.log(`Mail to ${to}: ${mail.subject}\n${mail.text}`);
      return;
    }
    this.transporter ??= connect(smtpUrl);
    try {
      await this.transporter.sendMail({
        from: { name: SENDER_NAME, address: mailFrom },
        to: { name: '', address: to },
        ...mail,
        messageId: `<${id}@${new URL(publicUrl).hostname}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        // Nothing in a mail is a reference to a file or an address that we would read.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
    } catch (error) {
      throw isRefusal(error) ? new UndeliverableMailError(error.message, { cause: error }) : error;
    }
  }

  onModuleDestroy(): void {
    this.transporter?.close();
  }
}

function connect(url: string): Transporter {
  return createTransport({
    url,
    pool: true,
    maxConnections: 1,
    connectionTimeout: CONNECT_MS_MAX,
    greetingTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
  });
}

/** A 5xx for this very mail (RFC 5321, 4.2.1). Refused credentials are our fault, and mended without losing mails. */
function isRefusal(error: unknown): error is Error {
  const { code, responseCode } = error as { code?: string; responseCode?: number };
  return (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== undefined && responseCode >= 500;
}
