import { WallClock } from '../../src/common/clock.js';
import { AppError } from '../../src/common/errors/app-error.js';
import type { ReserveMember } from '../../src/credits/hold.repository.js';
import { JobFailureRepository } from '../../src/jobs/job-failure.repository.js';
import { AuditTrail } from '../../src/monitoring/audit-trail.service.js';
import { JobFailureService } from '../../src/jobs/job-failure.service.js';
import { JobRegistry } from '../../src/jobs/job-registry.js';
import { RolloverService } from '../../src/subscription/rollover.service.js';
import { Names } from './comparison-state.js';
import { ledgerServices, type LedgerServices } from './ledger-services.js';
import { type LivesDatabase, PLANS, type Stored } from './lives-database.js';
import type { MoneyDatabase, TestUser } from './money-database.js';
import { moneyServices, type MoneyServices } from './money-services.js';
import { newAccount, type ReferenceAccount } from './reference-account.js';

/** One step on both sides. `perform` may be called again after a crash. */
export interface Deed {
  perform: () => Promise<unknown>;
  predict: () => unknown;
}

export interface Owned {
  user: TestUser;
  account: ReferenceAccount;
  /** A grant that begins later does not wait for a debt: only then may the two stand side by side. */
  hasPromise: boolean;
}

/** What the steps of a life share. */
export interface Life {
  now: number;
  at: () => Date;
  owned: Owned[];
  owner: (index: number) => Owned;
  /** In the order in which they were taken. */
  holds: { owner: number; member: ReserveMember; heldAt: Date }[];
  names: Names;
  /** As it was after the step before. */
  stored: Stored;
  /** As it is. */
  read: () => Promise<Stored>;
  money: MoneyDatabase;
  services: MoneyServices;
  /** A second sweeper, as another replica has it. */
  otherServices: MoneyServices;
  ledger: LedgerServices;
  rollover: RolloverService;
  newAccount: () => ReferenceAccount;
  keys: number;
  crashes: number;
  /** What was met so far, in words. */
  met: Set<string>;
  note: () => void;
}

export async function newLife(lives: LivesDatabase, birth: Date): Promise<Life> {
  const { money } = lives;
  const services = moneyServices(money.orm, birth);
  const failures = new JobFailureService(new JobFailureRepository(money.orm.em), new AuditTrail(money.orm.em));
  const jobs = new JobRegistry(money.orm.em, new WallClock());
  const life: Life = {
    now: birth.getTime(),
    at: () => new Date(life.now),
    owned: [],
    owner: (index) => {
      const found = life.owned[index];
      if (!found) throw new Error(`no owner ${index}`);
      return found;
    },
    holds: [],
    names: new Names(),
    stored: await lives.stored(),
    read: () => lives.stored(),
    money,
    services,
    otherServices: moneyServices(money.orm, birth),
    ledger: ledgerServices(money.orm),
    rollover: new RolloverService(services.books, services.periods, jobs, failures),
    newAccount: () => newAccount(PLANS),
    keys: 0,
    crashes: 0,
    met: new Set(),
    note: () => {
      const { postings, holds, subscriptions } = life.stored;
      for (const { kind, credit_id: grant, hold_id: hold } of postings) {
        life.met.add(`${kind} posting`);
        if (kind === 'refund' && grant === null) life.met.add('refund of a debt');
        if (kind === 'roll_in' && hold !== null) life.met.add('carry after the close');
      }
      for (const { state } of holds) life.met.add(`${state} hold`);
      for (const row of subscriptions) {
        life.met.add(`${row['status']} subscription`);
        if (row['grace_ends_at'] !== null) life.met.add('past due');
        if (row['trial_ends_at'] !== null) life.met.add('trial');
        if (row['cancel_at_period_end'] === true) life.met.add('cancellation pending');
        if (row['scheduled_tier'] !== null) life.met.add('change scheduled');
      }
    },
  };
  return life;
}

/** `refused` where the product says no; anything else that is thrown is a fault. */
export async function refusable(work: () => Promise<unknown>): Promise<'done' | 'refused'> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (error instanceof AppError) return 'refused';
    throw error;
  }
}

/** One of the last few: what is long over is seldom worth another try. */
export function recent<T>(from: readonly T[], index: number, count: number): T | undefined {
  return from[from.length - 1 - (index % Math.max(1, Math.min(count, from.length)))];
}
