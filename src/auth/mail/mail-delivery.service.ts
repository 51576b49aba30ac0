import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { WallClock } from '../../common/clock.js';
import { Config } from '../../config/config.js';
import { Notifications } from '../../database/notifications.js';
import { JobRegistry } from '../../jobs/job-registry.js';
import { Sealer } from '../sealer.js';
import type { Mail } from './mail.js';
import { contextOf, type MailOutbox } from './mail-outbox.entity.js';
import { MailOutboxRepository } from './mail-outbox.repository.js';
import { renderMail } from './mail-templates.js';
import { MailTransport, UndeliverableMailError } from './mail-transport.js';
import { MAIL_CHANNEL } from './mailer.js';

export const SEND_MAILS_JOB = 'send-mails';
/** Longer than one attempt can take. */
const LEASE_MS = 2 * 60_000;
const RETRY_FIRST_MS = 30_000;
const RETRY_MAX_MS = 60 * 60_000;
/** What could not be delivered for a day is old news, and its links have ended. */
const GIVE_UP_MS = 24 * 60 * 60_000;
/** Of one run; what is left waits for the next, a minute later. */
const MAILS_MAX = 1_000;
const DELETE_BATCH = 500;
const DAY_MS = 24 * 60 * 60_000;
const REASON_LENGTH_MAX = 500;

type Outcome = 'sent' | 'deferred' | 'failed';

/** Sends what is in the outbox. A mail is delivered at least once: a process that dies in the middle of an attempt leaves it to another. */
@Injectable()
export class MailDelivery implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(MailDelivery.name);
  private readonly stopping = new AbortController();
  private isWanted = false;
  private running: Promise<void> | undefined;

  // oxlint-disable-next-line max-params -- injected
  constructor(
    private readonly config: Config,
    private readonly outbox: MailOutboxRepository,
    private readonly transport: MailTransport,
    private readonly sealer: Sealer,
    private readonly clock: WallClock,
    private readonly jobs: JobRegistry,
    private readonly notifications: Notifications,
  ) {}

  async onModuleInit(): Promise<void> {
    this.jobs.register({ name: SEND_MAILS_JOB, cron: '* * * * *', run: (_now, signal) => this.deliverDue(signal) });
    this.jobs.register({
      name: 'mail-clean-up',
      cron: '41 * * * *',
      run: async (_now, signal) => ({ deleted: await this.deleteOld(signal) }),
    });
    if (this.config.runsJobs) await this.notifications.listen(MAIL_CHANNEL, () => this.wake());
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Attempts every mail whose time has come, one after the other. Safe on all replicas at once. */
  async deliverDue(signal?: AbortSignal): Promise<Record<Outcome, number>> {
    const counts = { sent: 0, deferred: 0, failed: 0 };
    for (let attempts = 0; attempts < MAILS_MAX && !signal?.aborted; attempts += 1) {
      const now = this.clock.now();
      const mail = await this.outbox.claim(now, new Date(now.getTime() + LEASE_MS));
      if (!mail) break;
      counts[await this.attempt(mail)] += 1;
    }
    return counts;
  }

  private async attempt(row: MailOutbox): Promise<Outcome> {
    try {
      await this.transport.deliver(row.id, row.toAddress, renderMail(this.open(row), this.config.publicUrl));
    } catch (error) {
      return this.putOff(row, error);
    }
    await this.outbox.markSent(row.id, this.clock.now());
    return 'sent';
  }

  private async putOff(row: MailOutbox, error: unknown): Promise<Outcome> {
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, REASON_LENGTH_MAX);
    const now = this.clock.now();
    const next = new Date(now.getTime() + retryAfterMs(row.attempts));
    const isLost = error instanceof UndeliverableMailError || next.getTime() > row.createdAt.getTime() + GIVE_UP_MS;
    // Neither whose mail it is nor what it says: that is in the table, for those who may look.
    this.logger.warn({ mail: row.id, template: row.template, attempts: row.attempts, isLost }, 'a mail was not sent');
    await this.outbox.markUnsent(row.id, reason, isLost ? null : next, now);
    return isLost ? 'failed' : 'deferred';
  }

  private open(row: MailOutbox): Mail {
    const opened = JSON.parse(this.sealer.open(row.variablesSealed, contextOf(row.id))) as Pick<
      Mail,
      'language' | 'variables'
    >;
    return { ...opened, to: row.toAddress, template: row.template } as Mail;
  }

  private async deleteOld(signal: AbortSignal): Promise<number> {
    const before = new Date(this.clock.now().getTime() - this.config.retentionMailDays * DAY_MS);
    let total = 0;
    while (!signal.aborted) {
      const deleted = await this.outbox.deleteEnded(before, DELETE_BATCH);
      total += deleted;
      if (deleted < DELETE_BATCH) break;
    }
    return total;
  }

  private wake(): void {
    this.isWanted = true;
    this.running ??= this.drain().finally(() => (this.running = undefined));
  }

  /** What is told while it delivers makes it look once more. What fails here waits for the job. */
  private async drain(): Promise<void> {
    while (this.isWanted && !this.stopping.signal.aborted) {
      this.isWanted = false;
      await this.deliverDue(this.stopping.signal).catch((error: unknown) =>
        this.logger.error({ err: error }, 'mails were not sent; the next run of the job tries again'),
      );
    }
  }
}

/** Half a minute after the first attempt, then twice as long each time, up to an hour. */
function retryAfterMs(attempts: number): number {
  return Math.min(RETRY_FIRST_MS * 2 ** (attempts - 1), RETRY_MAX_MS);
}
