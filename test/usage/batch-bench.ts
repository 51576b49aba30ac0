import { setTimeout as sleep } from 'node:timers/promises';
import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import type { ReserveMember, SettleMember } from '../../src/credits/hold.repository.js';
import { ormOptions } from '../../src/mikro-orm.config.js';
import type { HoldBatches, ReserveAnswer, ReserveOrder } from '../../src/usage/hold-batches.service.js';
import {
  ending,
  member,
  MoneyDatabase,
  NOW,
  settlement as settlementOf,
  type TestUser,
} from '../credits/money-database.js';
import { type MoneyServices, moneyServices } from '../credits/money-services.js';
import { testConfig } from '../support/test-config.js';

/** Two processes on one database, each with connections, batches and a sweeper of its own; and someone outside who locks accounts. */
export class BatchBench {
  readonly one: MoneyServices;
  readonly other: MoneyServices;

  private constructor(
    readonly money: MoneyDatabase,
    private readonly second: MikroORM,
    readonly outside: pg.Client,
  ) {
    this.one = moneyServices(money.orm, NOW);
    this.other = moneyServices(second, NOW);
  }

  static async open(): Promise<BatchBench> {
    const money = await MoneyDatabase.open();
    const second = await MikroORM.init(ormOptions(money.url, testConfig({ DATABASE_POOL_SIZE: '10' })));
    const outside = new pg.Client({ connectionString: money.url });
    await outside.connect();
    return new BatchBench(money, second, outside);
  }

  async close(): Promise<void> {
    await this.outside.end();
    await this.second.close();
    await this.money.close();
  }

  /**
   * Does `work` while a reservation of `user` is in flight, because another transaction has the account. What `work` begins at once waits for
   * it: `user`'s members are in one batch at a time.
   */
  async whileBusy<Result>(
    { batches, user, forMs = 0 }: { batches: HoldBatches; user: TestUser; forMs?: number },
    work: () => Promise<Result>[],
  ): Promise<Promise<Result>[]> {
    await this.outside.query('begin');
    await this.outside.query('select 1 from credit_accounts where user_id = $1 for update', [user.id]);
    const first = batches.reserve(order(user, 0n));
    while ((await this.waitingForLocks()) === 0) await sleep(5);
    const begun = work();
    for (const one of begun) one.catch(() => undefined);
    await sleep(forMs);
    await this.outside.query('rollback');
    await first;
    return begun;
  }

  private async waitingForLocks(): Promise<number> {
    const rows = await this.money.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.length;
  }
}

export function order(user: TestUser, amountUcr: bigint, over: Partial<ReserveMember> = {}): ReserveOrder {
  const { expiresAt: _, ...rest } = member(user, amountUcr, over);
  return { ...rest, ttlMs: 60_000 };
}

export function settlement(held: ReserveOrder, costUcr: bigint): SettleMember {
  return settlementOf({ ...held, expiresAt: NOW }, costUcr);
}

export function voiding(held: ReserveOrder): SettleMember {
  return ending({ ...held, expiresAt: NOW }, 'voided');
}

export function outcomeOf({ result }: ReserveAnswer): string {
  return result.outcome;
}
