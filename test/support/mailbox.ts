import type { AddressInfo } from 'node:net';
import type { INestApplicationContext } from '@nestjs/common';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { SEND_MAILS_JOB } from '../../src/auth/mail/mail-delivery.service.js';
import { JobRegistry, type JobSummary } from '../../src/jobs/job-registry.js';

export interface ReceivedMail extends Email {
  /** Whom the server was told to give it to, whatever the headers say. */
  recipients: string[];
  raw: string;
}

/** What the far side says where it does not simply take a mail: an answer as `[550, 'No such user']`, or none at all. */
export type Behaviour = 'accept' | 'silence' | [code: number, text: string];

/** A real SMTP server that keeps what it is given. */
export class Mailbox {
  readonly received: ReceivedMail[] = [];
  /** How it meets the recipient of the next mails. */
  behaviour: Behaviour = 'accept';

  /** Where it listens. */
  url = '';

  private readonly server = new SMTPServer({
    authOptional: true,
    closeTimeout: 100,
    disabledCommands: ['STARTTLS'],
    onRcptTo: (_address, _session, done) => this.meet(done),
    onData: (stream, session, done) => {
      void this.keep(
        stream,
        session.envelope.rcptTo.map(({ address }) => address),
      ).finally(done);
    },
  } satisfies SMTPServerOptions);

  static async open(): Promise<Mailbox> {
    const mailbox = new Mailbox();
    mailbox.server.on('error', () => undefined);
    await new Promise<void>((resolve) => mailbox.server.listen(0, '127.0.0.1', resolve));
    mailbox.url = `smtp://127.0.0.1:${(mailbox.server.server.address() as AddressInfo).port}`;
    return mailbox;
  }

  /** The newest mail to an address, upper and lower case alike. */
  lastTo(address: string): ReceivedMail {
    const mail = this.received.findLast(({ recipients }) =>
      recipients.some((recipient) => recipient.toLowerCase() === address.toLowerCase()),
    );
    if (!mail) throw new Error(`no mail came to ${address}`);
    return mail;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(resolve));
  }

  private async keep(stream: AsyncIterable<Buffer>, recipients: string[]): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString('utf8');
    this.received.push({ ...(await PostalMime.parse(raw)), recipients, raw });
  }

  private meet(done: (error?: Error | null) => void): void {
    if (this.behaviour === 'silence') return;
    if (this.behaviour === 'accept') return done();
    const [responseCode, text] = this.behaviour;
    done(Object.assign(new Error(text), { responseCode }));
  }
}

/** Sends what waits in the outbox, as the job does. */
export function deliverMails(app: INestApplicationContext): Promise<JobSummary> {
  return app.get(JobRegistry).runNow(SEND_MAILS_JOB, new Date());
}

/** The path of the one link in a mail, which must lead to `origin`. */
export function linkIn(mail: ReceivedMail, origin: string): string {
  const [link = ''] = /https?:\/\/\S+/.exec(mail.text ?? '') ?? [];
  if (!link.startsWith(`${origin}/`)) throw new Error(`the mail leads to ${link || 'nowhere'}`);
  return link.slice(origin.length);
}
