import { Logger } from '@nestjs/common';
import { Mailer } from '../../src/auth/mail/mailer.js';
import type { Mail } from '../../src/auth/mail/mail.js';
import { UserRepository } from '../../src/auth/identity/user.repository.js';
import { Config } from '../../src/config/config.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { deliverMails, Mailbox } from '../support/mailbox.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { until } from '../support/until.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const notice = (to: string, subject = 'Grüße aus Köln 🐘', text = 'Übergrößen: 東京'): Mail => ({
  to,
  language: 'en',
  template: 'notice',
  variables: { subject, text },
});

describe('mail', () => {
  let server: TestApp;
  let mailbox: Mailbox;
  let mailer: Mailer;
  beforeAll(async () => {
    mailbox = await Mailbox.open();
    server = await startTestApp({ env: { SMTP_URL: mailbox.url, MAIL_FROM: 'post@tollgate.example' } });
    mailer = server.app.get(Mailer);
  });
  afterAll(async () => {
    await server.close();
    await mailbox.close();
  });
  afterEach(async () => {
    mailbox.behaviour = 'accept';
    await server.orm.em.fork().execute('delete from mail_outbox');
  });

  const rows = () =>
    server.orm.em
      .fork()
      .execute<{ state: string; attempts: number; last_error: string | null; bytes: number }[]>(
        'select state, attempts, last_error, length(variables_sealed) as bytes from mail_outbox order by created_at, id',
      );

  it('arrives as text and as HTML, in any script, and leaves nothing of what it said', async () => {
    await mailer.send(notice('ada@example.com'));
    expect(await deliverMails(server.app)).toEqual({ sent: 1, deferred: 0, failed: 0 });
    const mail = mailbox.lastTo('ada@example.com');
    expect(mail).toMatchObject({
      subject: 'Grüße aus Köln 🐘',
      from: { name: 'Tollgate', address: 'post@tollgate.example' },
      to: [{ address: 'ada@example.com' }],
    });
    expect(mail.text).toContain('Übergrößen: 東京');
    expect(mail.html).toContain('Übergrößen: 東京');
    expect(mail.messageId).toMatch(/^<[0-9a-f-]{36}@localhost>$/);
    expect(await rows()).toEqual([{ state: 'sent', attempts: 1, last_error: null, bytes: 0 }]);
  });

  /** Removed once: the transaction of the outbox; the mail of a cause that never was arrived. */
  it('is there exactly when what caused it is', async () => {
    const users = server.app.get(UserRepository);
    const cause = server.orm.em.fork().transactional(async () => {
      await users.add({
        email: 'never@example.com',
        passwordHash: null,
        displayName: null,
        role: 'user',
        isEmailVerified: false,
      });
      await mailer.send(notice('never@example.com'));
      throw new Error('not after all');
    });
    await expect(cause).rejects.toThrow('not after all');
    expect(await users.findByEmail('never@example.com')).toBeNull();
    expect(await rows()).toEqual([]);
  });

  it('that is refused for good (550) is not tried again', async () => {
    mailbox.behaviour = [550, 'No such user here'];
    await mailer.send(notice('gone@example.com'));
    expect(await deliverMails(server.app)).toEqual({ sent: 0, deferred: 0, failed: 1 });
    mailbox.behaviour = 'accept';
    server.wallClock.advance(2 * 60 * MINUTE_MS);
    expect(await deliverMails(server.app)).toEqual({ sent: 0, deferred: 0, failed: 0 });
    expect(await rows()).toMatchObject([
      { state: 'failed', attempts: 1, last_error: expect.stringContaining('No such user'), bytes: 0 },
    ]);
  });

  it('that is put off (greylisting, 451) arrives later, with waits that double', async () => {
    mailbox.behaviour = [451, 'Greylisted, come again'];
    await mailer.send(notice('grey@example.com'));
    const deferred = { sent: 0, deferred: 1, failed: 0 };
    const idle = { sent: 0, deferred: 0, failed: 0 };
    expect(await deliverMails(server.app)).toEqual(deferred);
    expect(await deliverMails(server.app)).toEqual(idle);
    server.wallClock.advance(31_000);
    expect(await deliverMails(server.app)).toEqual(deferred);
    server.wallClock.advance(31_000);
    expect(await deliverMails(server.app)).toEqual(idle);
    mailbox.behaviour = 'accept';
    server.wallClock.advance(31_000);
    expect(await deliverMails(server.app)).toEqual({ ...deferred, sent: 1, deferred: 0 });
    expect(await rows()).toMatchObject([{ state: 'sent', attempts: 3 }]);
  });

  it('that cannot be delivered for a day is given up', async () => {
    mailbox.behaviour = [451, 'Never now'];
    await mailer.send(notice('late@example.com'));
    await deliverMails(server.app);
    server.wallClock.advance(DAY_MS);
    expect(await deliverMails(server.app)).toEqual({ sent: 0, deferred: 0, failed: 1 });
  });

  it('whose sender died in the middle is sent by another once its lease is over', async () => {
    await mailer.send(notice('lease@example.com'));
    await server.orm.em
      .fork()
      .execute(`update mail_outbox set attempts = 1, next_attempt_at = ?`, [
        new Date(Date.now() + 2 * MINUTE_MS + DAY_MS * 2),
      ]);
    expect(await deliverMails(server.app)).toMatchObject({ sent: 0 });
    server.wallClock.advance(3 * DAY_MS);
    expect(await deliverMails(server.app)).toMatchObject({ sent: 1 });
  });

  it('is sent once by two that send at the same time', async () => {
    for (let index = 0; index < 10; index += 1) await mailer.send(notice(`many${index}@example.com`));
    const { MailDelivery } = await import('../../src/auth/mail/mail-delivery.service.js');
    const delivery = server.app.get(MailDelivery);
    const runs = await Promise.all([delivery.deliverDue(), delivery.deliverDue(), delivery.deliverDue()]);
    expect(runs.reduce((sum, { sent }) => sum + sent, 0)).toBe(10);
    expect(mailbox.received.filter(({ recipients }) => recipients[0]?.startsWith('many'))).toHaveLength(10);
  });

  // Removed once: the order of the two. Who registered while every user was told of his credits waited until all had been told.
  it('that somebody waits for goes before notices', async () => {
    for (const name of ['first', 'second']) await mailer.send(notice(`${name}@example.com`));
    await mailer.send({
      to: 'waiting@example.com',
      language: 'en',
      template: 'verifyEmail',
      variables: { path: '/verify-email?token=abc', validMs: DAY_MS },
    });
    mailbox.received.length = 0;
    expect(await deliverMails(server.app)).toMatchObject({ sent: 3 });
    const to = mailbox.received.map(({ recipients }) => recipients[0]);
    expect(to).toEqual(['waiting@example.com', 'first@example.com', 'second@example.com']);
  });

  describe('T23 header injection', () => {
    it.each([
      'victim@example.com\r\nBcc: spy@example.com',
      'victim@example.com, spy@example.com',
      'victim@example.com> RCPT TO:<spy@example.com',
      'spy@example.com <victim@example.com>',
      `${'v'.repeat(250)}@example.com`,
      'a@b@example.com',
    ])('an address such as %j reaches nobody', async (to) => {
      const before = mailbox.received.length;
      await mailer.send(notice(to));
      expect(await deliverMails(server.app)).toEqual({ sent: 0, deferred: 0, failed: 1 });
      expect(mailbox.received).toHaveLength(before);
    });

    it('a subject with line breaks adds no header', async () => {
      await mailer.send(
        notice(
          'ivy@example.com',
          'Hello\r\nBcc: spy@example.com\r\nX-Evil: yes',
          'a\r\n.\r\nRCPT TO:<spy@example.com>',
        ),
      );
      await deliverMails(server.app);
      const mail = mailbox.lastTo('ivy@example.com');
      expect(mail.recipients).toEqual(['ivy@example.com']);
      expect(mail.headers.map(({ key }) => key)).not.toEqual(expect.arrayContaining(['bcc']));
      expect(mail.headers.map(({ key }) => key)).not.toEqual(expect.arrayContaining(['x-evil']));
    });
  });

  it('is kept for its days after it ended, and no longer', async () => {
    await mailer.send(notice('old@example.com'));
    await deliverMails(server.app);
    await mailer.send(notice('waiting@example.com'));
    const cleanUp = () => server.app.get(JobRegistry).runNow('mail-clean-up', new Date());
    expect(await cleanUp()).toEqual({ deleted: 0 });
    server.wallClock.advance(31 * DAY_MS);
    expect(await cleanUp()).toEqual({ deleted: 1 });
    expect(await rows()).toMatchObject([{ state: 'pending' }]);
  });
});

describe('mail that nobody answers', () => {
  async function outcome(url: string): Promise<unknown> {
    const server = await startTestApp({ env: { SMTP_URL: url } });
    try {
      await server.app.get(Mailer).send(notice('none@example.com'));
      return await deliverMails(server.app);
    } finally {
      await server.close();
    }
  }

  it('is tried again when there is no server', async () => {
    const mailbox = await Mailbox.open();
    await mailbox.close();
    expect(await outcome(mailbox.url)).toEqual({ sent: 0, deferred: 1, failed: 0 });
  });

  it('is tried again when the server goes silent', async () => {
    const mailbox = await Mailbox.open();
    mailbox.behaviour = 'silence';
    expect(await outcome(`${mailbox.url}?socketTimeout=300`)).toMatchObject({ deferred: 1 });
    await mailbox.close();
  });
});

describe('mail without a server for it', () => {
  it('is shown in the terminal in development, soon after its cause', async () => {
    const lines: string[] = [];
    const server = await startTestApp({ env: { JOBS: 'on' } });
    const log = Logger.prototype.log;
    Logger.prototype.log = (message: string) => void lines.push(message);
    try {
      await server.app.get(Mailer).send({
        to: 'dev@example.com',
        language: 'de',
        template: 'verifyEmail',
        variables: { path: '/verify-email?token=abc', validMs: DAY_MS },
      });
      await until(() => lines.some((line) => line.includes('dev@example.com')));
    } finally {
      Logger.prototype.log = log;
      await server.close();
    }
    const mail = lines.find((line) => line.includes('dev@example.com'));
    expect(mail).toContain('Bestätigen Sie Ihre Adresse');
    expect(mail).toContain('Der Link gilt 24 Stunden.');
    expect(mail).toContain(`${server.url}/verify-email?token=abc`);
  });

  it('waits in production, and the start says so', async () => {
    const { welcomeText } = await import('../../src/welcome.js');
    const production = {
      NODE_ENV: 'production',
      PUBLIC_URL: 'https://llm.example.com',
      KEY_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
      COOKIE_KEYS: 'x'.repeat(32),
    };
    expect(welcomeText(Config.load(production), [], true)).toContain('SMTP_URL is not set: no mail is sent');
    const withServer = Config.load({ ...production, SMTP_URL: 'smtps://user:secret@mail.example.com' });
    expect(withServer.mailFrom).toBe('no-reply@llm.example.com');
    expect(welcomeText(withServer, [], true)).toBe('Tollgate is running at https://llm.example.com');
  });
});
