import type { MikroORM } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import type { Mail } from '../../src/auth/mail/mail.js';
import { Mailer } from '../../src/auth/mail/mailer.js';
import { Sealer } from '../../src/auth/sealer.js';
import { WallClock } from '../../src/common/clock.js';
import { Notifications } from '../../src/database/notifications.js';
import { newId } from '../../src/common/ids.js';
import { AccountRecords } from '../../src/credits/account-records.service.js';
import { ExpiryNoticeService } from '../../src/credits/expiry-notice.service.js';
import { Grant } from '../../src/credits/grant.entity.js';
import { GrantExpiryService } from '../../src/credits/grant-expiry.service.js';
import { Hold } from '../../src/credits/hold.entity.js';
import { HoldService } from '../../src/credits/hold.service.js';
import { HoldExpirer } from '../../src/credits/hold-expirer.service.js';
import { type Correction, LedgerService } from '../../src/credits/ledger.service.js';
import { CreditPosting, type PostingKind } from '../../src/credits/posting.entity.js';
import type { PostingLine } from '../../src/credits/posting.repository.js';
import { JobFailureRepository } from '../../src/jobs/job-failure.repository.js';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { testConfig } from '../support/test-config.js';
import type { MoneyDatabase, TestUser } from './money-database.js';

/** Keeps what it would send. */
export class RecordingMailer extends Mailer {
  readonly sent: Mail[] = [];

  constructor(orm: MikroORM) {
    super(orm.em, new Sealer(testConfig({})), new WallClock(), new Notifications(orm.em, testConfig({})));
  }

  override send(mail: Mail): Promise<void> {
    this.sent.push(mail);
    return Promise.resolve();
  }
}

export interface LedgerServices {
  ledger: LedgerService;
  records: AccountRecords;
  expirer: HoldExpirer;
  expiry: GrantExpiryService;
  notices: ExpiryNoticeService;
  mailer: RecordingMailer;
}

/** The services as the container would wire them, without HTTP. */
export function ledgerServices(orm: MikroORM): LedgerServices {
  Logger.overrideLogger(false);
  const grants = orm.em.getRepository(Grant);
  const postings = orm.em.getRepository(CreditPosting);
  const records = new AccountRecords(orm.em, postings);
  const mailer = new RecordingMailer(orm);
  return {
    ledger: new LedgerService(orm.em, grants, postings),
    records,
    expirer: new HoldExpirer(
      orm.em,
      new HoldService(orm.em, orm.em.getRepository(Hold)),
      records,
      new AuditTrail(orm.em),
    ),
    expiry: new GrantExpiryService(orm.em),
    notices: new ExpiryNoticeService(
      orm.em,
      grants,
      mailer,
      new JobFailureService(new JobFailureRepository(orm.em), new AuditTrail(orm.em)),
    ),
    mailer,
  };
}

/** A correction of the user's books, by somebody who exists. */
export function correctionOf(user: TestUser, actorId = user.id): Correction {
  return { userId: user.id, actorId, reason: 'a test' };
}

/** The user's lines, oldest first, of one kind or all. */
export async function linesOf(money: MoneyDatabase, user: TestUser, ...kinds: PostingKind[]): Promise<PostingLine[]> {
  const filter = { kinds: kinds.length > 0 ? kinds : null, from: null, to: null, after: null, limit: 1_000 };
  return (await money.em.getRepository(CreditPosting).findPage(user.id, filter)).toReversed();
}

/** The only line of a kind. */
export async function lineOf(money: MoneyDatabase, user: TestUser, kind: PostingKind): Promise<PostingLine> {
  const [line, ...more] = await linesOf(money, user, kind);
  if (!line || more.length > 0) throw new Error(`one ${kind} line was expected`);
  return line;
}

/** A live subscription of the user, in its first period. */
export async function addSubscription(
  money: MoneyDatabase,
  user: TestUser,
  period: { start: Date; end: Date },
  over: { tier?: string; status?: string } = {},
): Promise<string> {
  const id = newId();
  await money.query(
    `insert into subscriptions (id, user_id, tier, status, billing_anchor_at, current_period_start, current_period_end, created_at, updated_at)
     values (?, ?, ?::subscription_tier, ?::subscription_status, ?, ?, ?, ?, ?)`,
    [
      id,
      user.id,
      over.tier ?? 'pro',
      over.status ?? 'active',
      period.start,
      period.start,
      period.end,
      period.start,
      period.start,
    ],
  );
  if ((over.status ?? 'active') === 'active') {
    await money.query('update credit_accounts set next_due_at = ? where user_id = ?', [period.end, user.id]);
  }
  return id;
}
